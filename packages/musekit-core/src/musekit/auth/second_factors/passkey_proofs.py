"""Passkeys shown: to come in, and to prove again who one is.

One proves both what somebody has and, by its own lock, who they are: it is asked to check that.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from musekit.auth.models import User
from musekit.auth.second_factors import ceremonies, passkeys
from musekit.auth.second_factors import passkey_answers as answers
from musekit.auth.second_factors.models import Passkey
from musekit.auth.secrets import digest
from musekit.errors import ConflictError, MuseKitError
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host

#: Of the browser of somebody who is about to sign in.
COOKIE = "passkey"


class PasskeyRefusedError(MuseKitError):
    """The passkey is not one of ours, or its answer is not good; which of them is not told."""

    status, code, title = 401, "passkey-refused", "Not signed in"


class NotConfirmedError(PasskeyRefusedError):
    """It does not prove who is signed in."""

    title = "Not confirmed"


def options_to_come_in(session: Session, host: Host) -> tuple[dict[str, Any], str]:
    """Return what a browser is to show a passkey for, and the value of its cookie.

    It names none: the browser offers those it has. Runs as the system.

    Raises:
        ConflictError: our address allows none.
    """
    ceremonies.demand_possible(host)
    cookie = secrets.token_urlsafe(32)
    challenge = ceremonies.begin(session, "passkey", browser=digest(cookie))
    return _options(host, challenge, []), cookie


def options_to_confirm(
    session: Session, host: Host, user_id: UUID, session_id: UUID
) -> dict[str, Any]:
    """Return what the browser of somebody who is signed in is to show a passkey of theirs for.

    Runs as the system.

    Raises:
        ConflictError: they have none, or our address allows none.
    """
    ceremonies.demand_possible(host)
    mine = passkeys.list_of(session, user_id)
    if not mine:
        raise ConflictError("You have no passkey here. Confirm that it is you in another way.")
    challenge = ceremonies.begin(
        session, "passkey", purpose="reauth", user_id=user_id, session_id=session_id
    )
    return _options(host, challenge, mine)


def verify(session: Session, host: Host, cookie: str, credential: Mapping[str, Any]) -> User:
    """Return who has shown a passkey. Runs as the system.

    Raises:
        PasskeyRefusedError: there is no such passkey, the answer is not good, or the passkey was
            copied: its counter has not gone on.
    """
    challenge = answers.challenge_in(credential)
    flow = ceremonies.take(session, "passkey", challenge)
    if flow is None or not cookie or flow.browser_hash != digest(cookie):
        raise _refused()
    return session.get_one(User, _judged(session, host, challenge, credential).user_id)


def demand(
    session: Session, host: Host, user_id: UUID, session_id: UUID, credential: Mapping[str, Any]
) -> None:
    """See that somebody who is signed in has shown a passkey of theirs. Runs as the system.

    Raises:
        NotConfirmedError: see `verify`; or it is somebody else's, or was asked for by another
            browser.
    """
    challenge = answers.challenge_in(credential)
    flow = ceremonies.take(session, "passkey", challenge, purpose="reauth")
    if flow is None or (flow.user_id, flow.session_id) != (user_id, session_id):
        raise _not_theirs()
    try:
        shown = _judged(session, host, challenge, credential)
    except PasskeyRefusedError as error:
        raise _not_theirs() from error
    if shown.user_id != user_id:
        raise _not_theirs()


def _options(host: Host, challenge: bytes, wanted: Sequence[Passkey]) -> dict[str, Any]:
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import (
        PublicKeyCredentialDescriptor,
        UserVerificationRequirement,
    )

    options = generate_authentication_options(
        rp_id=ceremonies.rp_id(host), challenge=challenge,
        allow_credentials=[PublicKeyCredentialDescriptor(id=key.credential_id) for key in wanted],
        user_verification=UserVerificationRequirement.REQUIRED,
    )  # fmt: skip
    made: dict[str, Any] = json.loads(options_to_json(options))
    return made


def _judged(
    session: Session, host: Host, challenge: bytes, credential: Mapping[str, Any]
) -> Passkey:
    """Return the passkey that has signed a challenge."""
    from webauthn import verify_authentication_response

    key = session.scalar(select(Passkey).where(Passkey.credential_id == answers.id_in(credential)))
    if key is None or answers.handle_in(credential) not in (b"", key.user_id.bytes):
        raise _refused()
    try:
        seen = verify_authentication_response(
            credential=dict(credential), expected_challenge=challenge,
            expected_rp_id=ceremonies.rp_id(host), expected_origin=ceremonies.origin(host),
            credential_public_key=key.public_key, credential_current_sign_count=key.sign_count,
            require_user_verification=True,
        )  # fmt: skip
    except Exception as error:  # whatever a stranger sends: the library has errors of many kinds
        raise _refused() from error
    # Many authenticators do not count and always say 0; one that does must have gone on.
    counted = session.scalar(
        update(Passkey)
        .where(
            Passkey.id == key.id,
            or_(Passkey.sign_count < seen.new_sign_count, Passkey.sign_count == 0),
        )
        .values(
            sign_count=seen.new_sign_count, last_used_at=utc_now(),
            backed_up=seen.credential_backed_up,
        )
        .returning(Passkey.id)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    if counted is None:
        raise _refused()
    return key


def _refused() -> PasskeyRefusedError:
    return PasskeyRefusedError("This passkey does not open an account here. Try another way.")


def _not_theirs() -> NotConfirmedError:
    return NotConfirmedError(
        "This passkey does not show that it is you. Try again, or another way."
    )
