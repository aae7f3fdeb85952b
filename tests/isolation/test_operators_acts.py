"""Whatever an operator does stands in the audit log: tried with every route there is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from tests.isolation.routes import UNSAFE, Route, prepare, routes_of
from tests.isolation.things.admin import mail
from tests.isolation.world import SYSTEM, Person, World, browser

from musekit.audit.models import AuditEntry
from musekit.auth.models import User
from musekit.email.models import OutboxMail
from musekit.kernel.database.types import utc_now

#: Acts that change nothing, and why.
CHANGES_NOTHING = {
    "POST /admin/products/{product}/tiers/preview": "it shows who would change tier",
    "POST /admin/products/{product}/tiers/own": "it shows who would change tier",
    "POST /api/admin/products/{product}/tiers/preview": "it says who would change tier",
    "POST /admin/ai/{config_id}/test": "the call stands in the ledger of calls, with who asked",
    "POST /admin/setup/passivepost/check": "it looks again",
    "POST /admin/billing/sync": "it fetches what Stripe sells, and decides nothing",
    "POST /api/admin/billing/sync": "likewise",
    "POST /api/admin/ai/services/{config_id}/test": "the call stands in the ledger of calls",
}
#: Acts for which more is needed than a page; beside each the test that sees its entry.
SEEN_ELSEWHERE = {
    "POST /admin/products/{product}/tiers": "admin/test_definitions.py",
    "PUT /api/admin/products/{product}/tiers": "admin/test_product_routes.py",
    "POST /admin/ai/services": "ai/test_page.py",
    "POST /admin/ai/{config_id}/remove": "ai/test_page.py",
    "POST /api/admin/ai/services": "ai/test_service_routes.py",
    "DELETE /api/admin/ai/services/{config_id}": "ai/test_service_routes.py",
}


def done_by(world: World, route: Route, person: Person) -> dict[str, Any]:
    """Return what is sent in place of a sample that is refused, or finds nothing to do."""
    users, plugins = f"/admin/users/{person.user_id}", "/admin/plugins"
    with world.host.database.session(SYSTEM) as session:
        if route.path.endswith(("/email/{mail_id}/again", "/email/{mail_id}/retry")) or (
            "/email/failed/" in route.path
        ):
            session.get_one(OutboxMail, mail(world, person)).state = "failed"
        # By one way it was done already; the other finds it undone.
        user = session.get_one(User, person.user_id)
        if route.path.endswith("/users/{user_id}/close"):
            user.disabled_at = None
        elif route.path.endswith("/users/{user_id}/open"):
            user.disabled_at = utc_now()
    found: dict[str, dict[str, Any]] = {
        "POST /admin/users/{user_id}/close": {"data": {"reason": "spam"}},
        "POST /admin/users/{user_id}/impersonate": {"data": {"reason": "asked for it"}},
        "POST /admin/users/{user_id}/sign-out": {"url": f"{world.url}{users}/sign-out"},
        "POST /admin/plugins/{name}/disable": {"url": f"{world.url}{plugins}/passivepost/disable"},
        "POST /api/admin/users/{user_id}/close": {"json": {"reason": "spam"}},
        "POST /api/admin/users/{user_id}/sign-out": {"url": f"{world.url}/api{users}/sign-out"},
        "POST /api/admin/plugins/{name}/disable": {
            "url": f"{world.url}/api{plugins}/passivepost/disable"
        },
    }  # fmt: skip
    return found.get(route.key, {})


def entries(world: World) -> int:
    with world.host.database.session(SYSTEM, readonly=True) as session:
        return session.scalar(select(func.count()).select_from(AuditEntry)) or 0


def test_every_act_of_an_operator_is_written_down(world: World) -> None:
    operator = world.people.get("operator") or world.add("operator", operator=True)
    person = world.add("somebody")
    silent: dict[str, str] = {}
    routes = [
        route
        for route in routes_of(world.app)
        if route.kind == "operator" and route.method in UNSAFE
    ]
    # Who is shut out can be nobody any more; what was closed and disabled is opened again.
    routes.sort(key=lambda route: [route.path.endswith(f"/{each}") for each in ("open", "close")])
    for route in routes:
        send = prepare(world, route, person)
        changes = done_by(world, route, person)
        world.sign_in(operator)
        before = entries(world)
        answer = send(browser(operator), **changes)
        world.forget_limits()
        if entries(world) == before:
            silent[route.key] = str(answer.status_code)
    known = CHANGES_NOTHING.keys() | SEEN_ELSEWHERE.keys()
    new = sorted(f"{key} ({silent[key]})" for key in silent.keys() - known)
    assert not new, "\n".join(new)
    assert not known - silent.keys(), "take these off the lists: they are written down"
