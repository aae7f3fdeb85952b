"""The network as one object: its store, its faults, its settings, and who is calling."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from starlette.requests import Request

from passivepost_platform_sandbox.network import ledger, oauth
from passivepost_platform_sandbox.network.errors import Refused
from passivepost_platform_sandbox.network.faults import Faults
from passivepost_platform_sandbox.network.oauth import Lifetimes, Session
from passivepost_platform_sandbox.network.store import Store

#: Access tokens remembered between requests, at most; then the memory is emptied.
REMEMBERED = 50_000


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """How the network behaves. Switched while it runs by ``PUT /settings``.

    Args:
        honour_keys: a repeated idempotency key gives the first post again.
        access_seconds, refresh_seconds: how long tokens live.
        rotating: refresh tokens are good once; reuse revokes the grant.
        client_id, client_secret: the one registered client; it may leave the secret out, since
            it proves itself by PKCE.
    """

    honour_keys: bool = True
    access_seconds: float = 7200.0
    refresh_seconds: float = 90 * 86400.0
    rotating: bool = True
    client_id: str = "passivepost"
    client_secret: str = "sample-network-secret"  # noqa: S105 - a sample, printed in the docs

    def changed(self, values: dict[str, Any]) -> NetworkSettings:
        """Return a copy with some values changed. Raises ValueError naming a wrong one."""
        kinds = {field.name: type(getattr(self, field.name)) for field in fields(self)}
        for name, value in values.items():
            if name not in kinds:
                raise ValueError(f"no setting “{name}”; there are {', '.join(sorted(kinds))}")
            if not isinstance(value, kinds[name]) and not (
                kinds[name] is float and isinstance(value, int)
            ):
                raise ValueError(f"{name} is of type {kinds[name].__name__}")
        return replace(self, **values)


class Network:
    """One network.

    Args:
        path: its SQLite file.
        base: path under which its routes are mounted, such as ``/-/sandbox``.
        durable: see `Store`.
    """

    def __init__(
        self,
        path: Path,
        *,
        base: str = "",
        settings: NetworkSettings | None = None,
        durable: bool = False,
    ) -> None:
        self.store = Store(path, durable=durable)
        self.base = base
        self.settings = settings or NetworkSettings()
        self.faults = Faults()
        self._sessions: dict[str, Session] = {}

    @property
    def lifetimes(self) -> Lifetimes:
        """How long tokens issued now live."""
        return Lifetimes(self.settings.access_seconds, self.settings.refresh_seconds)

    async def authenticate(self, request: Request) -> Session:
        """Return who calls. Raises `Refused` (401) with the reason as its code."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refused(401, "no_token", "Send an access token.")
        digest = oauth.digest(token)
        session = self._sessions.get(digest)
        if session is None or session.expires_at < time.time():
            found = await self.store.run(lambda db: oauth.authenticate(db, token))
            if isinstance(found, str):
                why = {
                    "revoked_token": "This access was revoked by its owner.",
                    "expired_token": "The access token has expired.",
                }.get(found, "The access token is not known.")
                raise Refused(401, found, why)
            if len(self._sessions) >= REMEMBERED:
                self._sessions.clear()
            session = self._sessions[digest] = found
        return session

    def forget(self, grant_id: int | None = None) -> None:
        """Forget remembered tokens, of one grant or all: they are looked up again."""
        self._sessions = {
            digest: session
            for digest, session in self._sessions.items()
            if grant_id is not None and session.grant_id != grant_id
        }

    async def revoke_grant(self, session: Session, reason: str) -> None:
        """Revoke the grant behind a session, as its owner would."""
        await self.store.run(lambda db: oauth.revoke_grant(db, session.grant_id, reason))
        self.forget(session.grant_id)

    def note(self, kind: str, **line: Any) -> None:
        """Write a line of the ledger, without waiting for it."""

        def job(db: sqlite3.Connection) -> None:
            ledger.write(db, kind, **line)

        self.store.submit(job)

    def close(self) -> None:
        """Finish writing and close the store."""
        self.store.close()
