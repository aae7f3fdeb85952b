"""Where the pages are: addresses of those whose routes have parameters, or that need a query."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

from sqlalchemy import select
from tests.isolation.routes import Route
from tests.isolation.row import address, filled
from tests.isolation.rows.sandbox import ROWS as SANDBOX
from tests.isolation.things.organizations import invitation, organization
from tests.isolation.things.posts import draft
from tests.isolation.world import SYSTEM, Person, World

from musekit.api import new_id
from musekit.auth import links
from musekit.auth.secrets import digest
from musekit.billing.models import BillingCheckout, BillingCustomer
from musekit.email import unsubscribing
from musekit.kernel.database.types import db_after
from musekit.organizations.models import Invitation

Where = Callable[[World, Person], str]

#: Answers to GET that are no pages, and why nobody looks at them.
NO_PAGES = {
    "GET /sign-in/with/{key}": "leads on to the provider",
    "GET /sign-in/return/{key}": "comes back from the provider, and leads on",
    "GET /sign-in/saml/{connection_id}/metadata": "XML, for a provider",
    "GET /admin/email/templates/{key}/html": "a mail: tried with the others of its kind",
    "GET /dashboard/social/queue/live": "a fragment of the queue",
    "GET /dashboard/social/posts/{post_id:uuid}/live": "a fragment of a post's page",
}
#: Pages of the network that comes with a demo, beside its programs' interface.
OF_THE_SANDBOX = (
    "GET /-/sandbox/", "GET /-/sandbox/posts/{post_id}", "GET /-/sandbox/oauth/authorize",
)  # fmt: skip


#: Further states of pages, that an address asks for: who looks, and where.
STATES = (
    ("team", "/dashboard/social?connect=bluesky"),
    ("team", "/dashboard/social/posts?status=failed"),
    ("operator", "/admin/users?search=nobody"), ("operator", "/admin/jobs/parked"),
    ("operator", "/admin/audit?search=nothing.like.it"), ("operator", "/admin/plugins/passivepost"),
    ("operator", "/admin/email?search=nobody"),
)  # fmt: skip


def is_page(route: Route) -> bool:
    """True for what people look at."""
    if route.method != "GET" or route.key in NO_PAGES:
        return False
    hosts_own = route.path in ("/healthz", "/readyz", "/openapi.json", "/metrics")
    return route.key in OF_THE_SANDBOX or (
        not hosts_own and not route.path.startswith(("/api/", "/-/"))
    )


def where(world: World, route: Route, team: Person) -> str:
    """Return the address of a page that is about the team's things."""
    if made := SAMPLES.get(route.path):
        return made(world, team)
    query = filled(SANDBOX[route.key].query, world, team) if route.key in SANDBOX else None
    return address(route.path, route.row, world, team) + (f"?{urlencode(query)}" if query else "")


def _link(purpose: links.Purpose, path: str, **data: str | int) -> Where:
    def made(world: World, it: Person) -> str:
        with world.host.database.session(SYSTEM) as session:
            secret = links.make(
                session, purpose, user_id=it.user_id, email_key=it.email.casefold(),
                lasts=timedelta(hours=1), data=data,
            )  # fmt: skip
        return f"/{path}/{secret}"

    return made


def _change(world: World, it: Person) -> str:
    data = {"change": str(new_id()), "from": it.email, "to": "new@example.com", "side": "new"}
    return _link("change_email", "change-email", **data, of=2)(world, it)


def _invitation(world: World, it: Person) -> str:
    secret, known = secrets.token_urlsafe(32), invitation(world, it)
    with world.host.database.session(SYSTEM) as session:
        session.get_one(Invitation, known).token_hash = digest(secret)
    return f"/invite/{secret}"


def _member(world: World, it: Person) -> str:
    return f"/organization/members/{world.people['helper'].user_id}/remove"


def _space(world: World, it: Person) -> str:
    return f"/organization/spaces/{it.space_id}"


def _bought(world: World, it: Person) -> str:
    with world.host.database.session(SYSTEM) as session:
        belongs = BillingCustomer.organization_id == organization(world, it)
        row = BillingCheckout(
            id=new_id(), product="passive-post", price_id="price_1", state="done",
            created_by=it.user_id, expires_at=db_after(3600),
            customer_id=session.scalars(select(BillingCustomer.id).where(belongs)).one(),
        )  # fmt: skip
        session.add(row)
        return f"/billing/return?checkout={row.id}"


def _composer(world: World, it: Person) -> str:
    return f"/dashboard/social/compose?from={draft(world, it)}"


def _unsubscribe(world: World, it: Person) -> str:
    return urlsplit(unsubscribing.url(world.host, it.user_id, "usage")).path


def _on_the_sandbox(world: World, it: Person) -> str:
    at = f"{world.url}/-/sandbox"
    name = "of-a-picture"
    world.http.post(f"{at}/accounts", json={"usernames": [name]}).raise_for_status()
    posts = [{"text": "Bread at nine.", "age": 3600}]
    made = world.http.post(f"{at}/seed", json={"username": name, "posts": posts}).json()
    return f"/-/sandbox/posts/{made['items'][0]['id']}"


SAMPLES: dict[str, Where] = {
    "/-/sandbox/posts/{post_id}": _on_the_sandbox,
    "/verify/{token}": _link("verify_email", "verify"),
    "/reset/{token}": _link("reset_password", "reset"),
    "/change-email/{token}": _change,
    "/invite/{token}": _invitation,
    "/unsubscribe/{token}": _unsubscribe,
    "/organization/members/{user_id}/remove": _member,
    "/organization/spaces/{space_id}": _space,
    "/billing/return": _bought,
    "/billing/change": lambda world, it: "/billing/change?product=passive-post",
    "/admin/email/templates/{key}": lambda world, it: "/admin/email/templates/usage-near-limit",
    "/dashboard/social/compose": _composer,
}
