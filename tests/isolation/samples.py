"""A request for every route of the application, so that the matrix can be made from the routes.

A new route without a row here fails `test_every_route_has_a_sample`. To add one:

* the key is method and path as the route declares them;
* ``things`` fills path parameters: each is a function of the world and the person whose thing it
  is, such as `draft`. The stranger is sent the victim's, the positive control gets its own;
* ``json``, ``form`` and ``query`` are a valid request, or a function that makes one from the same
  two; name other people's things there too (``account_id`` and its like), in `FOREIGN_FIELDS`;
* ``owner`` is how it ends for whoever may, ``stranger`` for those with other people's ids.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.isolation.world import CRON_SECRET, PASSWORD, Person, World

Thing = Callable[[World, Person], Any]
Values = Mapping[str, Any] | Thing | None
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
DONE = frozenset({200, 201, 204, 303})
SANDBOX = "/-/sandbox"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A sample request of a route; see the module."""

    things: Mapping[str, Thing | str] = field(default_factory=dict)
    json: Values = None
    form: Values = None
    query: Values = None
    headers: Mapping[str, str] = field(default_factory=dict)
    owner: frozenset[int] = DONE
    stranger: frozenset[int] | None = None  #: None: it names nothing of others, so as the owner
    visitor: frozenset[int] = DONE  #: nobody signed in; of public routes only
    ends_session: bool = False
    members: bool = False  #: the thing is not the owner's alone: members may name it too
    echoes: bool = False  #: the answer repeats what was typed, the other's address too
    fake: bool = False  #: of the sample network, which has people and tokens of its own


def filled(values: Values, world: World, it: Person) -> Any:
    """Return the values of a sample."""
    return values(world, it) if callable(values) else values


def address(path: str, row: Row, world: World, it: Person) -> str:
    """Return the path of a route with its parameters filled in."""
    made = {
        name: str(thing(world, it) if callable(thing) else thing)
        for name, thing in row.things.items()
    }
    return _PARAMETER.sub(lambda found: made[found[1]], path)


def draft(world: World, it: Person) -> UUID:
    """A draft of the person's."""
    return world.post(it)


def planned(world: World, it: Person) -> UUID:
    """A scheduled post of the person's."""
    return world.post(it, "scheduled")


def unconfirmed(world: World, it: Person) -> UUID:
    """A post that was sent without an answer."""
    return world.post(it, "unconfirmed")


def content(world: World, it: Person) -> dict[str, Any]:
    """A new draft."""
    return {"platform": "sandbox", "content": "Hello"}


def composed(world: World, it: Person) -> dict[str, Any]:
    """What the composer's form sends."""
    world.account(it)
    return {"platforms": ["sandbox"], "text": ["Hello"], "action": "draft"}


def credentials(world: World, it: Person) -> dict[str, Any]:
    """An address, and a password that is not its password."""
    return {"email": it.email, "password": PASSWORD + "?"}


def newcomer(world: World, it: Person) -> dict[str, Any]:
    """An address that has an account already: whoever asks must not come in by it."""
    return {"email": it.email, "password": PASSWORD, "name": "x"}


def connected(world: World, it: Person) -> dict[str, Any]:
    """A request that needs a free place for the account."""
    world.forget_flows(it)
    return {"platform": "sandbox"}


def _asking(world: World, it: Person) -> dict[str, Any]:
    return {
        "response_type": "code", "client_id": "passivepost", "state": "s", "scope": "read",
        "redirect_uri": f"{world.url}/x", "code_challenge": "c" * 43,
        "code_challenge_method": "S256", "decision": "deny",
    }  # fmt: skip


NOT_THERE = frozenset({404})
#: One answer for every state that is not this browser's, see `passivepost.accounts.oauth.REFUSED`.
REFUSED = frozenset({403})
WRONG = frozenset({401, 422})
CRON = {"Authorization": f"Bearer {CRON_SECRET}"}
POST = {"post_id": draft}
PLANNED = {"post_id": planned}
DOUBT = {"post_id": unconfirmed}
ACCOUNT = {"account_id": World.account}
TOKEN = {"token_id": World.spare_token}
SESSION = {"session_id": World.spare_session}
_SOCIAL = "/dashboard/social"

ROWS: dict[str, Row] = {
    # --- The host ---
    "GET /healthz": Row(),
    "GET /readyz": Row(),
    "GET /openapi.json": Row(),
    "GET /-/static/{package}/{path:path}": Row(
        things={"package": "musekit", "path": "app.js"}
    ),
    "GET /_design": Row(),
    # --- Sign-in and account, JSON ---
    "POST /api/auth/sign-up": Row(
        json=newcomer, owner=WRONG, stranger=WRONG, visitor=WRONG
    ),
    "POST /api/auth/sign-in": Row(
        json=credentials, owner=WRONG, stranger=WRONG, visitor=WRONG
    ),
    "POST /api/auth/sign-out": Row(ends_session=True),
    "GET /api/auth/me": Row(),
    "PATCH /api/auth/me": Row(json={"name": "A name"}),
    "GET /api/auth/tokens": Row(),
    "POST /api/auth/tokens": Row(json={"name": "program", "scopes": ["*"]}),
    "DELETE /api/auth/tokens/{token_id}": Row(things=TOKEN, stranger=NOT_THERE),
    "GET /api/auth/sessions": Row(),
    "DELETE /api/auth/sessions/{session_id}": Row(things=SESSION, stranger=NOT_THERE),
    "GET /api/spaces": Row(),
    "POST /api/spaces/switch": Row(
        json=lambda world, it: {"space_id": str(it.space_id)}, stranger=NOT_THERE, members=True
    ),
    # --- Sign-in and account, pages ---
    "GET /": Row(),
    "GET /dashboard": Row(),
    "GET /sign-in": Row(),
    "POST /sign-in": Row(
        form=credentials, owner=WRONG, stranger=WRONG, visitor=WRONG, echoes=True
    ),
    "GET /sign-up": Row(),
    "POST /sign-up": Row(
        form=newcomer, owner=WRONG, stranger=WRONG, visitor=WRONG, echoes=True
    ),
    "POST /sign-out": Row(ends_session=True),
    "GET /account": Row(),
    "POST /account": Row(form={"name": "A name", "timezone": "UTC"}),
    "POST /account/space": Row(
        form=lambda world, it: {"space_id": str(it.space_id)}, stranger=NOT_THERE, members=True
    ),
    "GET /account/tokens": Row(),
    "POST /account/tokens": Row(form={"name": "program", "scopes": ["*"]}),
    # What is gone is what was wanted, so these pages go back to the list, saying so.
    "POST /account/tokens/{token_id}/revoke": Row(things=TOKEN, stranger=frozenset({303})),
    "GET /account/sessions": Row(),
    "POST /account/sessions/revoke-others": Row(),
    "POST /account/sessions/{session_id}/revoke": Row(things=SESSION, stranger=frozenset({303})),
    # --- Posts ---
    "GET /api/social/posts": Row(),
    "POST /api/social/posts": Row(json=content),
    "GET /api/social/posts/{post_id}": Row(things=POST, stranger=NOT_THERE),
    "PUT /api/social/posts/{post_id}": Row(
        things=POST, json={"content": "changed"}, stranger=NOT_THERE
    ),
    "DELETE /api/social/posts/{post_id}": Row(things=PLANNED, stranger=NOT_THERE),
    "POST /api/social/posts/{post_id}/resolve": Row(
        things=DOUBT, json={"decision": "drop"}, stranger=NOT_THERE
    ),
    # --- Accounts ---
    "GET /api/social/accounts": Row(),
    "DELETE /api/social/accounts/{account_id}": Row(things=ACCOUNT, stranger=NOT_THERE),
    "POST /api/social/accounts/validate": Row(
        json=lambda world, it: {"account_id": str(world.account(it))}, stranger=NOT_THERE
    ),
    # By token it answers 403, with the address where that user's browser goes on.
    "POST /api/social/connect": Row(json=connected, owner=DONE | {403}),
    "GET /api/social/connect/{ticket}": Row(things={"ticket": World.ticket}, stranger=REFUSED),
    "GET /api/social/callback/{platform}": Row(
        things={"platform": "sandbox"}, query=World.way_back, stranger=REFUSED
    ),
    # --- Monitoring and cron ---
    "GET /api/social/tier": Row(),
    "GET /api/social/health": Row(),
    "GET /api/social/debug": Row(owner=NOT_THERE),
    "GET /api/social/cron/process-scheduled": Row(headers=CRON),
    "POST /api/social/cron/process-scheduled": Row(headers=CRON),
    "GET /api/social/cron/pull-engagement": Row(headers=CRON),
    "POST /api/social/cron/pull-engagement": Row(headers=CRON),
}  # fmt: skip

REFUSES = frozenset({400, 401, 404, 422})


def _fake(**more: Any) -> Row:
    """A route of the sample network: public, and it must know nobody of the application."""
    return Row(fake=True, owner=DONE | REFUSES, visitor=DONE | REFUSES, **more)


ROWS |= {
    f"GET {SANDBOX}/": _fake(),
    f"GET {SANDBOX}/posts/{{post_id}}": _fake(things=POST),
    f"GET {SANDBOX}/media/{{media_id}}": _fake(things={"media_id": World.account}),
    f"GET {SANDBOX}/static/{{name}}": _fake(things={"name": "style.css"}),
    f"GET {SANDBOX}/oauth/authorize": _fake(query=_asking),
    f"POST {SANDBOX}/oauth/authorize": _fake(form=_asking),
    f"GET {SANDBOX}/oauth/decision": _fake(),
    f"POST {SANDBOX}/oauth/token": _fake(form={"grant_type": "refresh_token"}),
    f"POST {SANDBOX}/oauth/revoke": _fake(form={"token": "x"}),
    f"GET {SANDBOX}/api/me": _fake(),
    f"POST {SANDBOX}/api/posts": _fake(json={"text": "x"}),
    f"GET {SANDBOX}/api/posts": _fake(),
    f"GET {SANDBOX}/api/posts/{{post_id}}": _fake(things=POST),
    f"DELETE {SANDBOX}/api/posts/{{post_id}}": _fake(things=POST),
    f"POST {SANDBOX}/api/media": _fake(form={"alt": "x"}),
    f"GET {SANDBOX}/api/metrics": _fake(),
    f"GET {SANDBOX}/api/trends": _fake(),
    f"GET {SANDBOX}/faults": _fake(),
    f"PUT {SANDBOX}/faults": _fake(json=[]),
    f"GET {SANDBOX}/settings": _fake(),
    f"PUT {SANDBOX}/settings": _fake(json={}),
    f"POST {SANDBOX}/accounts": _fake(json={"usernames": ["somebody"]}),
    f"POST {SANDBOX}/accounts/{{username}}/revoke": _fake(things={"username": "somebody"}),
    f"POST {SANDBOX}/seed": _fake(json={"username": "somebody", "posts": []}),
    f"GET {SANDBOX}/ledger": _fake(),
    f"GET {SANDBOX}/ledger/summary": _fake(),
}

# --- Pages of PassivePost ---
_ONE = f"{_SOCIAL}/posts/{{post_id:uuid}}"
ROWS |= {
    f"GET {_SOCIAL}/overview": Row(),
    f"GET {_SOCIAL}/compose": Row(
        query=lambda world, it: {"from": str(world.post(it))}, stranger=NOT_THERE
    ),
    f"POST {_SOCIAL}/compose/check": Row(form=composed),
    f"POST {_SOCIAL}/compose": Row(form=composed),
    f"GET {_ONE}/edit": Row(things=POST, stranger=NOT_THERE),
    f"POST {_ONE}/edit": Row(things=POST, form=composed, stranger=NOT_THERE),
    f"GET {_SOCIAL}/queue": Row(),
    f"GET {_SOCIAL}/queue/live": Row(),
    f"GET {_SOCIAL}/posts": Row(),
    f"GET {_ONE}": Row(things=POST, stranger=NOT_THERE),
    f"GET {_ONE}/live": Row(things=POST, stranger=NOT_THERE),
    f"POST {_ONE}/now": Row(things=PLANNED, stranger=NOT_THERE),
    f"POST {_ONE}/pull-back": Row(things=PLANNED, stranger=NOT_THERE),
    f"POST {_ONE}/reschedule": Row(
        things=PLANNED, form={"at": "2031-01-02T09:00"}, stranger=NOT_THERE
    ),
    f"POST {_ONE}/resolve": Row(things=DOUBT, form={"decision": "drop"}, stranger=NOT_THERE),
    f"POST {_ONE}/delete": Row(things=PLANNED, stranger=NOT_THERE),
    f"GET {_SOCIAL}": Row(),
    f"POST {_SOCIAL}/connect/{{name}}": Row(
        things={"name": "sandbox"}, form=lambda world, it: world.forget_flows(it) or {}
    ),
    f"POST {_SOCIAL}/accounts/validate": Row(),
    f"POST {_SOCIAL}/accounts/{{account_id:uuid}}/validate": Row(
        things=ACCOUNT, stranger=NOT_THERE
    ),
    f"POST {_SOCIAL}/accounts/{{account_id:uuid}}/disconnect": Row(
        things=ACCOUNT, stranger=NOT_THERE
    ),
}

#: Where requests name rows by id outside of the path: (route, field) → whose row is put there.
FOREIGN_FIELDS: dict[tuple[str, str], Thing] = {
    ("POST /api/spaces/switch", "space_id"): World.spare_space,
    ("POST /account/space", "space_id"): World.spare_space,
    ("POST /api/social/accounts/validate", "account_id"): World.account,
    (f"GET {_SOCIAL}/compose", "from"): draft,
}
