"""Accounts elsewhere, by which people come in. No provider is set up here."""

from tests.isolation.row import NOT_THERE, Row
from tests.isolation.things.federation import spare_identity

_NONE = {"key": "elsewhere"}
_IDENTITY = {"identity_id": spare_identity}
_BACK = frozenset({303})

ROWS = {
    # Who is signed in goes on to where they wanted to be.
    "GET /sign-in/with/{key}": Row(things=_NONE, owner=_BACK, visitor=NOT_THERE),
    "GET /sign-in/return/{key}": Row(
        things=_NONE, owner=NOT_THERE, stranger=NOT_THERE, visitor=NOT_THERE
    ),
    "POST /re-authenticate/with/{key}": Row(
        things=_NONE, form={}, owner=NOT_THERE, stranger=NOT_THERE
    ),
    "GET /account/identities": Row(),
    "POST /account/identities/{key}/link": Row(
        things=_NONE, form={}, owner=NOT_THERE, stranger=NOT_THERE
    ),
    "POST /account/identities/{identity_id}/unlink": Row(things=_IDENTITY, form={}, stranger=_BACK),
    "GET /api/auth/identities": Row(),
    "DELETE /api/auth/identities/{identity_id}": Row(things=_IDENTITY, stranger=NOT_THERE),
}
