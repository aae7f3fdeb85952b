"""OAuth 2.0: authorization code with PKCE (RFC 7636), refresh tokens that rotate.

A refresh token is good once. Using it again revokes the whole grant, with every token of it
(RFC 9700 §4.14.2), as networks do that suspect a theft. Only digests of tokens are stored.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from passivepost_platform_sandbox.network import ledger, people
from passivepost_platform_sandbox.network.errors import Refused

CODE_SECONDS = 120
SCOPES = ("read", "write")


@dataclass(frozen=True, slots=True)
class Session:
    """Who an access token stands for."""

    account: str
    username: str
    grant_id: int
    expires_at: float


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds that tokens live."""

    access: float
    refresh: float


def digest(token: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def issue_code(
    db: sqlite3.Connection,
    *,
    username: str,
    client_id: str,
    redirect_uri: str,
    challenge: str,
    scope: str,
) -> str:
    """Store that a person allowed a client, and return the code for it."""
    code = "sbx_code_" + secrets.token_urlsafe(24)
    account = people.ensure(db, username)["id"]
    db.execute(
        "INSERT INTO codes VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
        (digest(code), client_id, redirect_uri, challenge, scope, account,
         time.time() + CODE_SECONDS),
    )  # fmt: skip
    return code


def exchange(
    db: sqlite3.Connection,
    *,
    code: str,
    client_id: str,
    redirect_uri: str,
    verifier: str,
    lifetimes: Lifetimes,
) -> dict[str, Any] | Refused:
    """Turn a code into tokens. A code used twice revokes what it gave (RFC 6749 §4.1.2)."""
    row = db.execute("SELECT * FROM codes WHERE digest = ?", (digest(code),)).fetchone()
    if row is not None and row["grant_id"] is not None:
        revoke_grant(db, row["grant_id"], "code reused")
        return _refuse(db, "token", "the code was used before; its tokens are revoked")
    if row is None or row["expires_at"] < time.time():
        return _refuse(db, "token", "the code is not known or has expired")
    if row["client_id"] != client_id or row["redirect_uri"] != redirect_uri:
        return _refuse(db, "token", "the code belongs to another client or redirect address")
    hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    if row["challenge"] and not secrets.compare_digest(row["challenge"].encode(), hashed[:43]):
        return _refuse(db, "token", "the code verifier does not fit the challenge")
    grant_id = new_grant(db, account=row["account"], client_id=client_id, scope=row["scope"])
    db.execute("UPDATE codes SET grant_id = ? WHERE digest = ?", (grant_id, digest(code)))
    tokens = issue_tokens(db, grant_id, lifetimes)
    ledger.write(db, "token", status=200, account=_name(db, grant_id), accepted=True)
    return tokens


def rotate(
    db: sqlite3.Connection, *, token: str, client_id: str, lifetimes: Lifetimes, rotating: bool
) -> dict[str, Any] | Refused:
    """Turn a refresh token into fresh tokens."""
    row = db.execute(
        "SELECT t.*, g.client_id, g.revoked_at FROM tokens t JOIN grants g ON g.id = t.grant_id"
        " WHERE t.digest = ? AND t.kind = 'refresh'",
        (digest(token),),
    ).fetchone()
    if row is None or row["client_id"] != client_id:
        return _refuse(db, "refresh", "the refresh token is not known")
    name = _name(db, row["grant_id"])
    if row["revoked_at"] is not None:
        return _refuse(db, "refresh", "the grant was revoked", name)
    if row["used_at"] is not None:
        revoke_grant(db, row["grant_id"], "refresh token reused")
        return _refuse(db, "refresh", "the refresh token was used before; grant revoked", name)
    if row["expires_at"] < time.time():
        return _refuse(db, "refresh", "the refresh token has expired", name)
    if rotating:
        db.execute("UPDATE tokens SET used_at = ? WHERE digest = ?", (time.time(), digest(token)))
    tokens = issue_tokens(db, row["grant_id"], lifetimes, refresh=rotating)
    ledger.write(db, "refresh", status=200, account=name, accepted=True)
    return tokens


def new_grant(db: sqlite3.Connection, *, account: str, client_id: str, scope: str) -> int:
    """Store a grant of an account to a client; return its number."""
    cursor = db.execute(
        "INSERT INTO grants (account, client_id, scope, created_at) VALUES (?, ?, ?, ?)",
        (account, client_id, scope, time.time()),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def issue_tokens(
    db: sqlite3.Connection, grant_id: int, lifetimes: Lifetimes, *, refresh: bool = True
) -> dict[str, Any]:
    """Make tokens of a grant; return the token endpoint's answer (RFC 6749 §5.1)."""
    scope = db.execute("SELECT scope FROM grants WHERE id = ?", (grant_id,)).fetchone()["scope"]
    answer: dict[str, Any] = {
        "access_token": "sbx_at_" + secrets.token_urlsafe(32),
        "token_type": "Bearer",
        "expires_in": int(lifetimes.access),
        "scope": scope,
    }
    fresh = [("access", answer["access_token"], lifetimes.access)]
    if refresh:
        answer["refresh_token"] = "sbx_rt_" + secrets.token_urlsafe(32)
        fresh.append(("refresh", answer["refresh_token"], lifetimes.refresh))
    db.executemany(
        "INSERT INTO tokens (digest, kind, grant_id, expires_at) VALUES (?, ?, ?, ?)",
        [(digest(token), kind, grant_id, time.time() + life) for kind, token, life in fresh],
    )
    return answer


def authenticate(db: sqlite3.Connection, token: str) -> Session | str:
    """Return who an access token stands for, or why it is not accepted."""
    row = db.execute(
        "SELECT t.expires_at, t.grant_id, g.revoked_at, a.id, a.username FROM tokens t"
        " JOIN grants g ON g.id = t.grant_id JOIN accounts a ON a.id = g.account"
        " WHERE t.digest = ? AND t.kind = 'access'",
        (digest(token),),
    ).fetchone()
    if row is None:
        return "invalid_token"
    if row["revoked_at"] is not None:
        return "revoked_token"
    if row["expires_at"] < time.time():
        return "expired_token"
    return Session(row["id"], row["username"], row["grant_id"], row["expires_at"])


def holder(db: sqlite3.Connection, token: str) -> Session | None:
    """Return whom a token belongs to, whether or not it is good; None for an unknown one."""
    row = db.execute(
        "SELECT t.expires_at, t.grant_id, a.id, a.username FROM tokens t"
        " JOIN grants g ON g.id = t.grant_id JOIN accounts a ON a.id = g.account"
        " WHERE t.digest = ?",
        (digest(token),),
    ).fetchone()
    if row is None:
        return None
    return Session(row["id"], row["username"], row["grant_id"], row["expires_at"])


def revoke(db: sqlite3.Connection, token: str) -> int | None:
    """Revoke the grant of a token (RFC 7009); return its number, None for an unknown token."""
    row = db.execute("SELECT grant_id FROM tokens WHERE digest = ?", (digest(token),)).fetchone()
    if row is None:
        return None
    revoke_grant(db, row["grant_id"], "by its client")
    return int(row["grant_id"])


def revoke_grant(db: sqlite3.Connection, grant_id: int, reason: str) -> None:
    """Revoke a grant with all its tokens; the ledger gets one line ``grant_revoked``."""
    changed = db.execute(
        "UPDATE grants SET revoked_at = ?, reason = ? WHERE id = ? AND revoked_at IS NULL",
        (time.time(), reason, grant_id),
    ).rowcount
    if changed:
        ledger.write(
            db, "grant_revoked", status=0, accepted=True, account=_name(db, grant_id), note=reason
        )


def _name(db: sqlite3.Connection, grant_id: int) -> str:
    row = db.execute(
        "SELECT username FROM accounts a JOIN grants g ON g.account = a.id WHERE g.id = ?",
        (grant_id,),
    ).fetchone()
    return str(row["username"])


def _refuse(db: sqlite3.Connection, kind: str, why: str, account: str | None = None) -> Refused:
    ledger.write(db, kind, status=400, account=account, note=why)
    return Refused(400, "invalid_grant", f"Not granted: {why}.")
