"""What is asked for beside the password."""

from tests.isolation.row import NOT_THERE, WRONG, Row
from tests.isolation.things.second_factors import spare_passkey

#: None is set up, and nobody is half-way in.
_CODE = {"code": "000000"}
_OVER = frozenset({410})
_BACK = frozenset({303})
_PASSKEY = {"passkey_id": spare_passkey}
#: Browsers offer passkeys at some addresses only.
_POSSIBLE = frozenset({200, 409})
_FALSE = {"credential": {"id": "x", "rawId": "x", "response": {}, "type": "public-key"}}

ROWS = {
    "GET /sign-in/second-factor": Row(),
    "POST /sign-in/second-factor": Row(form=_CODE),
    "POST /api/auth/sign-in/second-factor": Row(
        json=_CODE, owner=_OVER, stranger=_OVER, visitor=_OVER
    ),
    "GET /account/security/totp": Row(),
    "POST /account/security/totp": Row(form=_CODE, owner=WRONG),
    "POST /account/security/totp/off": Row(form={}, owner=_BACK),
    "POST /account/security/recovery-codes": Row(form={}, owner=_BACK),
    "GET /api/auth/factors": Row(),
    "POST /api/auth/totp": Row(),
    "POST /api/auth/totp/confirm": Row(json=_CODE, owner=WRONG),
    "DELETE /api/auth/totp": Row(owner=NOT_THERE),
    "POST /api/auth/recovery-codes": Row(owner=NOT_THERE),
    "POST /api/auth/sign-in/passkey/options": Row(owner=_POSSIBLE, visitor=_POSSIBLE),
    "POST /api/auth/sign-in/passkey": Row(json=_FALSE, owner=WRONG, stranger=WRONG, visitor=WRONG),
    "GET /api/auth/passkeys": Row(),
    "POST /api/auth/passkeys/options": Row(owner=_POSSIBLE),
    "POST /api/auth/passkeys": Row(json=_FALSE, owner=WRONG),
    "DELETE /api/auth/passkeys/{passkey_id}": Row(things=_PASSKEY, stranger=NOT_THERE),
    # None of theirs can be shown here.
    "POST /api/auth/re-authenticate/passkey/options": Row(owner=_POSSIBLE),
    "POST /api/auth/re-authenticate/passkey": Row(json=_FALSE, owner=WRONG),
    "PATCH /api/auth/passkeys/{passkey_id}": Row(
        things=_PASSKEY, json={"name": "another"}, stranger=NOT_THERE
    ),
    "GET /account/passkeys": Row(),
    "POST /account/passkeys/{passkey_id}/rename": Row(
        things=_PASSKEY, form={"name": "another"}, stranger=_BACK
    ),
    "POST /account/passkeys/{passkey_id}/remove": Row(things=_PASSKEY, stranger=_BACK),
}
