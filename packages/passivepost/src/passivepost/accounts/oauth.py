"""Connections by OAuth, the steps that touch no network: starting a flow, taking it up again."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from musekit.api import Actor, ConflictError, ForbiddenError, Host, new_id
from passivepost.accounts.models import OAuthFlow
from passivepost.sdk.capabilities import OAuth
from passivepost.sdk.platform import Platform
from passivepost.settings import PassivePostSettings

TABLE, COLUMN = "oauth_flows", "verifier_encrypted"

#: One sentence for every way in which a state is not good: which one it was is of use only to
#: somebody who tries states.
REFUSED = (
    "This connection was not started in this browser, was used already, or took too long. Nothing"
    " was connected. Start again under Accounts."
)


@dataclass(frozen=True, kw_only=True)
class Started:
    """What a started flow is continued with. `secret` is the state, or a ticket."""

    secret: str
    verifier: str
    redirect_uri: str


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A flow that was started here, now used up."""

    verifier: str | None
    redirect_uri: str


def redirect_uri(host: Host, platform: str) -> str:
    """Return the one address a platform may send the browser back to."""
    return f"{host.settings.public_url.rstrip('/')}/api/social/callback/{platform}"


def start(session: Session, host: Host, actor: Actor, platform: Platform) -> Started:
    """Note a flow for the actor's browser session; for a token, one that waits for it."""
    assert actor.space_id is not None
    assert actor.user_id is not None
    now = datetime.now(UTC)
    session.execute(
        delete(OAuthFlow)
        .where(OAuthFlow.space_id == actor.space_id, OAuthFlow.expires_at < now)
        .execution_options(synchronize_session=False)
    )
    flow = OAuthFlow(
        id=new_id(), space_id=actor.space_id, user_id=actor.user_id, session_id=actor.session_id,
        platform=platform.name, redirect_uri=redirect_uri(host, platform.name), created_at=now,
        expires_at=now + timedelta(minutes=host.settings_of(PassivePostSettings).oauth_minutes),
    )  # fmt: skip
    secret, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    flow.state_hash = _hash(secret)
    flow.verifier_encrypted = host.keyring.encrypt(
        verifier, table=TABLE, column=COLUMN, row=flow.id, space=flow.space_id
    )
    session.add(flow)
    session.flush()
    return Started(secret=secret, verifier=verifier, redirect_uri=flow.redirect_uri)


def authorize_url(platform: Platform, started: Started) -> str:
    """Return the address of the platform's consent page for a started flow."""
    from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    connection = platform.connection
    assert isinstance(connection, OAuth)
    extra = dict(connection.extra_params)
    if connection.pkce:
        extra["code_challenge"] = create_s256_code_challenge(started.verifier)
        extra["code_challenge_method"] = "S256"
    url: str = prepare_grant_uri(
        connection.authorize_url,
        connection.client_id,
        "code",
        redirect_uri=started.redirect_uri,
        scope=list(connection.scopes),
        state=started.secret,
        **extra,
    )
    return url


def adopt(session: Session, host: Host, actor: Actor, ticket: str) -> tuple[str, Started]:
    """Take over, in a browser session, the flow that a token of the same user asked for.

    Returns:
        The platform's name and the flow, with a state of its own: the ticket is used up.

    Raises:
        ForbiddenError: it is not this user's in this space, was used, or took too long.
    """
    state = secrets.token_urlsafe(32)
    row = session.execute(
        update(OAuthFlow)
        .where(
            OAuthFlow.state_hash == _hash(ticket), OAuthFlow.session_id.is_(None),
            OAuthFlow.used_at.is_(None), OAuthFlow.expires_at > datetime.now(UTC),
            OAuthFlow.user_id == actor.user_id, OAuthFlow.space_id == actor.space_id,
        )
        .values(state_hash=_hash(state), session_id=actor.session_id)
        .returning(
            OAuthFlow.id, OAuthFlow.space_id, OAuthFlow.platform, OAuthFlow.redirect_uri,
            OAuthFlow.verifier_encrypted,
        )
        .execution_options(synchronize_session=False)
    ).first()  # fmt: skip
    if row is None or actor.session_id is None:
        raise ForbiddenError(REFUSED)
    verifier = _verifier(host, row.id, row.space_id, row.verifier_encrypted)
    return row.platform, Started(secret=state, verifier=verifier, redirect_uri=row.redirect_uri)


def take(session: Session, host: Host, actor: Actor, platform: Platform, state: str) -> Taken:
    """Use up the flow that a callback belongs to.

    Raises:
        ForbiddenError: it is not of this browser session, user, space and platform, was used
            already, or took too long.
    """
    if actor.session_id is None:
        raise ForbiddenError(REFUSED)
    now = datetime.now(UTC)
    row = session.execute(
        update(OAuthFlow)
        .where(
            OAuthFlow.state_hash == _hash(state), OAuthFlow.platform == platform.name,
            OAuthFlow.session_id == actor.session_id, OAuthFlow.user_id == actor.user_id,
            OAuthFlow.space_id == actor.space_id, OAuthFlow.used_at.is_(None),
            OAuthFlow.expires_at > now,
        )
        .values(used_at=now)
        .returning(
            OAuthFlow.id, OAuthFlow.space_id, OAuthFlow.redirect_uri, OAuthFlow.verifier_encrypted
        )
        .execution_options(synchronize_session=False)
    ).first()  # fmt: skip
    if row is None:
        raise ForbiddenError(REFUSED)
    verifier = _verifier(host, row.id, row.space_id, row.verifier_encrypted)
    pkce = isinstance(platform.connection, OAuth) and platform.connection.pkce
    return Taken(verifier=verifier if pkce else None, redirect_uri=row.redirect_uri)


def require_configured(platform: Platform) -> OAuth:
    """Return the platform's OAuth facts.

    Raises:
        ConflictError: the operator has not set the platform up.
    """
    connection = platform.connection
    assert isinstance(connection, OAuth)
    if not connection.client_id:
        raise ConflictError(
            f"{platform.label} is not set up in this deployment: its client id is missing. The"
            " operator finds what to do under /admin/setup/passivepost.",
            extra={"reason": "not_configured"},
        )
    return connection


def pending(session: Session, user_id: UUID) -> int:
    """Return how many flows of a user are under way, for the limit on them."""
    return len(
        session.scalars(
            select(OAuthFlow.id).where(
                OAuthFlow.user_id == user_id,
                OAuthFlow.used_at.is_(None),
                OAuthFlow.expires_at > datetime.now(UTC),
            )
        ).all()
    )


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _verifier(host: Host, row: UUID, space: UUID, sealed: str) -> str:
    return host.keyring.decrypt(sealed, table=TABLE, column=COLUMN, row=row, space=space)
