"""Passkeys (WebAuthn): a key pair of a phone, a computer or a security key, in place of all else.

Which a person has: added, named and removed. What they prove is judged by `passkey_proofs`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.auth.federation import linking
from musekit.auth.models import User
from musekit.auth.second_factors import ceremonies
from musekit.auth.second_factors import passkey_answers as answers
from musekit.auth.second_factors.models import Passkey
from musekit.errors import ConflictError, InvalidError, NotFoundError
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id

MOST = 20  #: passkeys of one person
LONGEST_NAME = 60


def options_for_new(session: Session, host: Host, user: User, session_id: UUID) -> dict[str, Any]:
    """Return what a browser is to make a passkey from (PublicKeyCredentialCreationOptionsJSON).

    Runs as the system.

    Raises:
        ConflictError: they have as many as there may be, or our address allows none.
    """
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    ceremonies.demand_possible(host)
    known = list_of(session, user.id)
    if len(known) >= MOST:
        raise ConflictError(f"You have {MOST} passkeys. Remove one that you do not use.")
    challenge = ceremonies.begin(session, "passkey_new", user_id=user.id, session_id=session_id)
    here = [PublicKeyCredentialDescriptor(id=each.credential_id) for each in known]
    options = generate_registration_options(
        rp_id=ceremonies.rp_id(host), rp_name=ceremonies.site(host), user_id=user.id.bytes,
        user_name=user.email, user_display_name=user.name or user.email, challenge=challenge,
        exclude_credentials=here,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
    )  # fmt: skip
    made: dict[str, Any] = json.loads(options_to_json(options))
    return made


def add(
    session: Session, host: Host, user: User, session_id: UUID, *, name: str,
    credential: Mapping[str, Any],
) -> Passkey:  # fmt: skip
    """Keep a passkey that a browser has made. Runs as the system.

    Raises:
        InvalidError: it is not the answer to `options_for_new` of this browser, or the name is bad.
    """
    from webauthn import verify_registration_response

    name = _checked(name, "The passkey was not added.")
    challenge = answers.challenge_in(credential)
    flow = ceremonies.take(session, "passkey_new", challenge)
    if flow is None or flow.session_id != session_id or flow.user_id != user.id:
        raise _invalid("credential", "it took too long, or began in another browser: begin again")
    try:
        seen = verify_registration_response(
            credential=dict(credential), expected_challenge=challenge,
            expected_rp_id=ceremonies.rp_id(host), expected_origin=ceremonies.origin(host),
            require_user_verification=True,
        )  # fmt: skip
    except Exception as error:  # whatever a stranger sends: the library has errors of many kinds
        raise _invalid("credential", "it is not what was asked for: begin again") from error
    if session.scalar(select(Passkey.id).where(Passkey.credential_id == seen.credential_id)):
        raise _invalid("credential", "it is in use already")
    row = Passkey(
        id=new_id(), user_id=user.id, credential_id=seen.credential_id,
        public_key=seen.credential_public_key, sign_count=seen.sign_count, aaguid=seen.aaguid,
        transports=answers.transports(credential), name=name, backed_up=seen.credential_backed_up,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def list_of(session: Session, user_id: UUID) -> Sequence[Passkey]:
    """Return a person's passkeys, the oldest first. Runs as the system."""
    return session.scalars(
        select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.created_at, Passkey.id)
    ).all()


def rename(session: Session, user_id: UUID, passkey_id: UUID, name: str) -> Passkey:
    """Call a passkey otherwise. Runs as the system.

    Raises:
        InvalidError: the name is too long, or holds what does not print.
        NotFoundError: the person has none of that id.
    """
    name = _checked(name, "The passkey keeps its name.")
    row = _mine(session, user_id, passkey_id)
    row.name = name
    session.flush()
    return row


def remove(
    session: Session, user_id: UUID, passkey_id: UUID, *, providers: Collection[str]
) -> None:
    """Forget a passkey. Runs as the system.

    Args:
        providers: keys of those that are set up: an identity of another opens nothing.

    Raises:
        NotFoundError: the person has none of that id.
        ConflictError: it is their last way in.
    """
    user = linking.locked(session, user_id)
    row = _mine(session, user_id, passkey_id)
    if not linking.has_other_ways(session, user, providers, without=passkey_id):
        raise ConflictError(
            "This is your only way in. Set a password first, or add another passkey; then remove"
            " this one."
        )
    session.delete(row)
    session.flush()


def _mine(session: Session, user_id: UUID, passkey_id: UUID) -> Passkey:
    row = session.scalar(
        select(Passkey).where(Passkey.id == passkey_id, Passkey.user_id == user_id)
    )
    if row is None:
        raise NotFoundError("That passkey is gone already.")
    return row


def _checked(name: str, fault: str) -> str:
    name = " ".join(name.split()) or "Passkey"
    if len(name) > LONGEST_NAME or not name.isprintable():
        message = f"use at most {LONGEST_NAME} plain characters"
        raise InvalidError(fault, errors=[{"field": "name", "message": message}])
    return name


def _invalid(field: str, message: str) -> InvalidError:
    return InvalidError("The passkey was not added.", errors=[{"field": field, "message": message}])
