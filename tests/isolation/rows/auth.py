"""Signing up, in and out; the account, its tokens and its sessions."""

from tests.isolation.row import NOT_THERE, WRONG, Row
from tests.isolation.things.auth import (
    choice,
    credentials,
    forgetful,
    newcomer,
    proof,
    spare_session,
    spare_token,
)

_TOKEN = {"token_id": spare_token}
_SESSION = {"session_id": spare_session}
_ENTRY = {"owner": WRONG, "stranger": WRONG, "visitor": WRONG}
#: What is gone is what was wanted, so these pages go back to the list, saying so.
_BACK = frozenset({303})

#: A link that is nobody's. Links are secrets: whoever has one may follow it.
_LINK = {"token": "x" * 43}
_SPENT = frozenset({410})
_ACCEPTED = frozenset({202})
_LINKS = {"owner": _SPENT, "stranger": _SPENT, "visitor": _SPENT}
_GONE = _SPENT | NOT_THERE
_SET_UP = {"owner": _GONE, "stranger": _GONE, "visitor": _GONE}

ROWS = {
    "GET /verify/{token}": Row(things=_LINK, **_LINKS),
    "POST /verify/{token}": Row(things=_LINK, form={}, **_LINKS),
    "POST /api/auth/verify": Row(json={"link": "x" * 43}, **_LINKS),
    "POST /api/auth/verify/again": Row(owner=frozenset({202, 409})),
    "POST /account/verify": Row(form={}),
    "GET /forgot": Row(),
    "POST /forgot": Row(form=forgetful, echoes=True),
    "POST /api/auth/forgot": Row(json=forgetful, owner=_ACCEPTED, visitor=_ACCEPTED),
    "GET /reset/{token}": Row(things=_LINK, **_LINKS),
    "POST /reset/{token}": Row(
        things=_LINK, form={"password": "a pelican under umbrellas"}, **_LINKS
    ),
    "POST /api/auth/reset": Row(json=choice, **_LINKS),
    "GET /account/security": Row(),
    "GET /account/password": Row(),
    # A good one would give their browser another cookie, and end the others that are tried.
    "POST /account/password": Row(form={"password": "password1"}, owner=WRONG),
    "POST /api/auth/password": Row(json={"password": "password1"}, owner=WRONG),
    "GET /account/email": Row(),
    "POST /account/email": Row(form={"email": "elsewhere@example.com"}),
    "POST /account/email/cancel": Row(form={}),
    "POST /api/auth/email": Row(json={"email": "elsewhere@example.com"}, owner=_ACCEPTED),
    "DELETE /api/auth/email": Row(),
    "GET /change-email/{token}": Row(things=_LINK, **_LINKS),
    "POST /change-email/{token}": Row(things=_LINK, form={}, **_LINKS),
    "POST /api/auth/email/confirm": Row(json={"link": "x" * 43}, **_LINKS),
    "GET /account/export": Row(),
    "POST /account/export": Row(form={}),
    "GET /api/auth/export": Row(),
    "GET /account/delete": Row(),
    # With their own address it would be done, and there would be nobody left to ask.
    "POST /account/delete": Row(form={"email": "another@example.com"}, owner=WRONG),
    "DELETE /api/auth/me": Row(json={"email": "another@example.com"}, owner=WRONG),
    # There is an operator, or the link is nobody's: it depends on who asked before.
    "GET /set-up/{token}": Row(things=_LINK, **_SET_UP),
    "POST /set-up/{token}": Row(things=_LINK, form=newcomer, **_SET_UP),
    "POST /api/auth/sign-up": Row(json=newcomer, **_ENTRY),
    "POST /api/auth/sign-in": Row(json=credentials, **_ENTRY),
    "POST /api/auth/sign-out": Row(ends_session=True),
    "POST /api/auth/re-authenticate": Row(json=proof, owner=WRONG),
    "GET /re-authenticate": Row(),
    "POST /impersonation/end": Row(form={}),
    "POST /re-authenticate": Row(form=proof, owner=WRONG),
    "GET /api/auth/me": Row(),
    "PATCH /api/auth/me": Row(json={"name": "A name"}),
    "GET /api/auth/tokens": Row(),
    "POST /api/auth/tokens": Row(json={"name": "program", "scopes": ["*"]}),
    "DELETE /api/auth/tokens/{token_id}": Row(things=_TOKEN, stranger=NOT_THERE),
    "GET /api/auth/sessions": Row(),
    "DELETE /api/auth/sessions/{session_id}": Row(things=_SESSION, stranger=NOT_THERE),
    "GET /sign-in": Row(),
    "POST /sign-in": Row(form=credentials, echoes=True, **_ENTRY),
    "GET /sign-up": Row(),
    "POST /sign-up": Row(form=newcomer, echoes=True, **_ENTRY),
    "POST /sign-out": Row(ends_session=True),
    "GET /account": Row(),
    "POST /account": Row(form={"name": "A name", "timezone": "UTC"}),
    "GET /account/tokens": Row(),
    "POST /account/tokens": Row(form={"name": "program", "scopes": ["*"]}),
    "POST /account/tokens/{token_id}/revoke": Row(things=_TOKEN, stranger=_BACK),
    "GET /account/sessions": Row(),
    "POST /account/sessions/revoke-others": Row(),
    "POST /account/sessions/{session_id}/revoke": Row(things=_SESSION, stranger=_BACK),
}
