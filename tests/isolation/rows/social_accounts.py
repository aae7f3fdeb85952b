"""Accounts of PassivePost: connecting, looking after and disconnecting them."""

from tests.isolation.row import DONE, NOT_THERE, REFUSED, Row
from tests.isolation.things.accounts import (
    account,
    connected,
    forget_flows,
    idle_account,
    ticket,
    way_back,
)

_SOCIAL = "/dashboard/social"
_ACCOUNT = {"account_id": account}
_IDLE = {"account_id": idle_account}

ROWS = {
    "GET /api/social/accounts": Row(),
    "DELETE /api/social/accounts/{account_id}": Row(things=_IDLE, stranger=NOT_THERE),
    "POST /api/social/accounts/validate": Row(
        json=lambda world, it: {"account_id": str(account(world, it))}, stranger=NOT_THERE
    ),
    # By token it answers 403, with the address where that user's browser goes on.
    "POST /api/social/connect": Row(json=connected, owner=DONE | REFUSED),
    # One answer for every state that is not this browser's: `passivepost.accounts.oauth.REFUSED`.
    "GET /api/social/connect/{ticket}": Row(
        things={"ticket": ticket}, stranger=REFUSED, personal=True
    ),
    "GET /api/social/callback/{platform}": Row(
        things={"platform": "sandbox"}, query=way_back, stranger=REFUSED, personal=True
    ),
    f"GET {_SOCIAL}": Row(),
    f"POST {_SOCIAL}/connect/{{name}}": Row(
        things={"name": "sandbox"}, form=lambda world, it: forget_flows(world, it) or {}
    ),
    f"POST {_SOCIAL}/accounts/validate": Row(),
    f"POST {_SOCIAL}/accounts/{{account_id:uuid}}/validate": Row(
        things=_ACCOUNT, stranger=NOT_THERE
    ),
    f"POST {_SOCIAL}/accounts/{{account_id:uuid}}/disconnect": Row(
        things=_IDLE, stranger=NOT_THERE
    ),
}
FOREIGN = {("POST /api/social/accounts/validate", "account_id"): account}
