"""Going to a provider and coming back, the steps that touch no network.

A flow is begun by one browser and taken up by it, once, for that provider, within minutes. Its
`state` travels through the provider; what it is worth is tied to a cookie of this browser, and
for somebody who is signed in to their session, too: an answer that another browser brings, with
whatever code, meets no flow (D12).
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from musekit.auth.federation.errors import FlowGoneError
from musekit.auth.federation.models import SignInFlow
from musekit.auth.secrets import digest
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.kernel.web.pages import safe_next
from musekit.providers import FlowStart, FlowTaken

COOKIE = "federated"
LASTS = timedelta(minutes=10)
#: Providers put it into their own tables and forms.
LONGEST_HINT = 320
_KIND = "federated"
_COLUMN = {"table": "sign_in_flows", "column": "secret_encrypted"}

Purpose = Literal["sign_in", "link", "reauth"]


@dataclass(frozen=True)
class Taken:
    """A flow that came back, and what it was for."""

    flow: FlowTaken
    purpose: Purpose


def redirect_uri(host: Host, provider: str) -> str:
    """Return the one address that a provider may send browsers back to.

    Each has its own, so that the answer of one is never taken for another's (RFC 9700 §4.4).
    """
    return f"{host.settings.public_url.rstrip('/')}/sign-in/return/{provider}"


def begin(
    session: Session,
    host: Host,
    provider: str,
    purpose: Purpose,
    *,
    browser: str = "",
    actor: Actor | None = None,
    next: str = "",  # noqa: A002 - the field's name
    hint: str = "",
) -> tuple[FlowStart, str]:
    """Note a flow; return it with the value of the browser's cookie. Runs as the system.

    Args:
        provider: its key.
        browser: the cookie that the browser has; kept while a flow of it goes on, so that two tabs
            do not end each other.
        actor: who is signed in, of ``link`` and ``reauth``.
        next: the page to go to afterwards.
        hint: address or account that the person has named.
    """
    now = utc_now()
    if not browser or not _goes_on(session, browser, now):
        browser = secrets.token_urlsafe(32)
    state, nonce, verifier = (secrets.token_urlsafe(size) for size in (32, 32, 64))
    flow_id, goal = new_id(), safe_next(next)
    sealed = host.keyring.encrypt(
        json.dumps({"nonce": nonce, "verifier": verifier, "hint": hint[:LONGEST_HINT]}),
        **_COLUMN, row=flow_id, space=flow_id,
    )  # fmt: skip
    session.add(
        SignInFlow(
            id=flow_id, kind=_KIND, state_hash=digest(state), browser_hash=digest(browser),
            session_id=actor.session_id if actor else None,
            user_id=actor.user_id if actor else None, provider=provider, purpose=purpose,
            secret_encrypted=sealed, next=goal, created_at=now, expires_at=now + LASTS,
        )
    )  # fmt: skip
    session.flush()
    started = FlowStart(
        id=flow_id, nonce=nonce, verifier=verifier, state=state, next=goal,
        hint=hint[:LONGEST_HINT], redirect_uri=redirect_uri(host, provider),
        fresh_since=now if purpose == "reauth" else None,
    )  # fmt: skip
    return started, browser


def take(
    session: Session, host: Host, provider: str, *, state: str, browser: str, actor: Actor | None
) -> Taken:
    """Use up the flow that an answer belongs to. Runs as the system; commit it before going on.

    Raises:
        FlowGoneError: it is not of this browser, session, person and provider, was used, or took
            too long. Which of these it was is of use only to somebody who tries states.
    """
    now = utc_now()
    mine = _of(actor)
    row = session.execute(
        update(SignInFlow)
        .where(
            SignInFlow.state_hash == digest(state), SignInFlow.kind == _KIND,
            SignInFlow.provider == provider, SignInFlow.browser_hash == digest(browser),
            SignInFlow.used_at.is_(None), SignInFlow.expires_at > now, mine,
        )
        .values(used_at=now)
        .returning(
            SignInFlow.id, SignInFlow.purpose, SignInFlow.secret_encrypted, SignInFlow.next,
            SignInFlow.created_at,
        )
        .execution_options(synchronize_session=False)
    ).first()  # fmt: skip
    if row is None or not state or not browser:
        raise FlowGoneError(
            "This was not started in this browser, was used already, or took too long. Nothing was"
            " changed. Start again."
        )
    kept = json.loads(
        host.keyring.decrypt(row.secret_encrypted, **_COLUMN, row=row.id, space=row.id)
    )
    flow = FlowTaken(
        id=row.id, nonce=kept["nonce"], verifier=kept["verifier"], hint=kept["hint"],
        redirect_uri=redirect_uri(host, provider), next=safe_next(row.next),
        fresh_since=row.created_at if row.purpose == "reauth" else None,
    )  # fmt: skip
    return Taken(flow, row.purpose)


def _of(actor: Actor | None) -> Any:
    """Who may take a flow: for signing in any visitor, else the session that began it."""
    anybody = and_(SignInFlow.purpose == "sign_in", SignInFlow.session_id.is_(None))
    if actor is None or actor.session_id is None:
        return anybody
    own = and_(SignInFlow.session_id == actor.session_id, SignInFlow.user_id == actor.user_id)
    return or_(anybody, own)


def _goes_on(session: Session, browser: str, now: datetime) -> bool:
    found: UUID | None = session.scalar(
        select(SignInFlow.id)
        .where(
            SignInFlow.browser_hash == digest(browser),
            SignInFlow.kind == _KIND,
            SignInFlow.expires_at > now,
        )
        .limit(1)
    )
    return found is not None
