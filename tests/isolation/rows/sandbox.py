"""The sample network inside the deployment: public, and it must know nobody of the application."""

from typing import Any

from tests.isolation.row import DONE, Row
from tests.isolation.things.accounts import account
from tests.isolation.things.posts import draft
from tests.isolation.world import Person, World

_AT = "/-/sandbox"
_POST = {"post_id": draft}
_REFUSES = frozenset({400, 401, 404, 422})


def _asking(world: World, it: Person) -> dict[str, Any]:
    return {
        "response_type": "code", "client_id": "passivepost", "state": "s", "scope": "read",
        "redirect_uri": f"{world.url}/x", "code_challenge": "c" * 43,
        "code_challenge_method": "S256", "decision": "deny",
    }  # fmt: skip


def _fake(**more: Any) -> Row:
    return Row(fake=True, owner=DONE | _REFUSES, visitor=DONE | _REFUSES, **more)


ROWS = {
    f"GET {_AT}/": _fake(),
    f"GET {_AT}/posts/{{post_id}}": _fake(things=_POST),
    f"GET {_AT}/media/{{media_id}}": _fake(things={"media_id": account}),
    f"GET {_AT}/static/{{name}}": _fake(things={"name": "style.css"}),
    f"GET {_AT}/oauth/authorize": _fake(query=_asking),
    f"POST {_AT}/oauth/authorize": _fake(form=_asking),
    f"GET {_AT}/oauth/decision": _fake(),
    f"POST {_AT}/oauth/token": _fake(form={"grant_type": "refresh_token"}),
    f"POST {_AT}/oauth/revoke": _fake(form={"token": "x"}),
    f"GET {_AT}/api/me": _fake(),
    f"POST {_AT}/api/posts": _fake(json={"text": "x"}),
    f"GET {_AT}/api/posts": _fake(),
    f"GET {_AT}/api/posts/{{post_id}}": _fake(things=_POST),
    f"DELETE {_AT}/api/posts/{{post_id}}": _fake(things=_POST),
    f"POST {_AT}/api/media": _fake(form={"alt": "x"}),
    f"GET {_AT}/api/metrics": _fake(),
    f"GET {_AT}/api/trends": _fake(),
    f"GET {_AT}/faults": _fake(),
    f"PUT {_AT}/faults": _fake(json=[]),
    f"GET {_AT}/settings": _fake(),
    f"PUT {_AT}/settings": _fake(json={}),
    f"POST {_AT}/accounts": _fake(json={"usernames": ["somebody"]}),
    f"POST {_AT}/accounts/{{username}}/revoke": _fake(things={"username": "somebody"}),
    f"POST {_AT}/seed": _fake(json={"username": "somebody", "posts": []}),
    f"GET {_AT}/ledger": _fake(),
    f"GET {_AT}/ledger/summary": _fake(),
}
