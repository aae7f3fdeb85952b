"""Posts, media and their counts."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from passivepost_platform_sandbox.network import ledger
from passivepost_platform_sandbox.network.errors import Refused
from passivepost_platform_sandbox.network.oauth import Session

MAX_TEXT = 500  #: characters (code points)
MAX_MEDIA = 4  #: per post
MAX_MEDIA_BYTES = 5_000_000
MIMES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "video/mp4"})
DUPLICATE_SECONDS = 24 * 3600  #: within which the same text of an account is a repeat
FIRST_ID = 1_000_000_000_000  #: so that ids look like a network's
SELECT = "SELECT p.*, a.username FROM posts p JOIN accounts a ON a.id = p.account"
GHOST_ID = 9_999_999_999_999  #: named in a refusal, never given to a post


@dataclass(frozen=True, slots=True)
class Draft:
    """What a client asks to be posted."""

    text: str
    reply_to: str | None = None
    media: tuple[str, ...] = ()
    key: str | None = None


def check(body: Any, header_key: str | None) -> Draft:
    """Read a request's body. Raises `Refused` (422) naming what is wrong."""
    if not isinstance(body, dict):
        raise Refused(422, "bad_request", "Send a JSON object.")
    text, reply_to, media = body.get("text", ""), body.get("reply_to"), body.get("media", [])
    key = header_key or body.get("idempotency_key")
    if not isinstance(text, str) or not (text.strip() or media):
        raise Refused(422, "empty", "A post needs text or media.")
    if len(text) > MAX_TEXT:
        raise Refused(422, "too_long", f"{len(text)} characters; at most {MAX_TEXT}.")
    if not isinstance(media, list) or len(media) > MAX_MEDIA:
        raise Refused(422, "bad_media", f"`media` is a list of at most {MAX_MEDIA} ids.")
    if not all(isinstance(value, str | None) for value in (reply_to, key, *media)):
        raise Refused(422, "bad_request", "`reply_to`, `idempotency_key` and media ids are text.")
    return Draft(text, reply_to, tuple(media), key)


def accept(
    db: sqlite3.Connection,
    who: Session,
    draft: Draft,
    *,
    honour_keys: bool,
    duplicates: str | None,
    always_duplicate: bool = False,
) -> tuple[int, dict[str, Any]]:
    """Take a post: status and post. 201 when new, 200 for a key seen before.

    Args:
        honour_keys: a key seen before gives the first post again.
        duplicates: refuse a text posted before, in this style (`faults.DUPLICATE_STYLES`).
        always_duplicate: refuse it though it was not.
    """
    if draft.key and honour_keys:
        seen = db.execute(
            "SELECT * FROM posts WHERE account = ? AND key = ?", (who.account, draft.key)
        ).fetchone()
        if seen is not None:
            ledger.write(db, "post", status=200, account=who.username, key=draft.key,
                         text=draft.text, post_id=seen["id"], note="key seen before")  # fmt: skip
            return 200, as_json(seen, who.username)
    if duplicates:
        _refuse_duplicate(db, who, draft, duplicates, always_duplicate)
    if draft.reply_to is not None and _row(db, draft.reply_to) is None:
        raise Refused(422, "reply_gone", "The post this replies to is not here (any more).")
    for media in draft.media:
        if not db.execute("SELECT 1 FROM media WHERE id = ?", (media,)).fetchone():
            raise Refused(422, "media_gone", "A medium of this post is not here (any more).")
    row = insert(db, who, draft, time.time())
    ledger.write(db, "post", status=201, account=who.username, accepted=True, key=draft.key,
                 text=draft.text, post_id=row["id"])  # fmt: skip
    return 201, as_json(row, who.username)


def insert(db: sqlite3.Connection, who: Session, draft: Draft, at: float) -> sqlite3.Row:
    """Store a post as of a time (Unix seconds)."""
    if not db.execute("SELECT 1 FROM sqlite_sequence WHERE name = 'posts'").fetchone():
        db.execute("INSERT INTO sqlite_sequence VALUES ('posts', ?)", (FIRST_ID,))
    row = db.execute(
        "INSERT INTO posts (account, text, reply_to, media, key, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?) RETURNING *",
        (who.account, draft.text, draft.reply_to, json.dumps(draft.media), draft.key, at),
    ).fetchone()
    assert isinstance(row, sqlite3.Row)
    return row


def _refuse_duplicate(
    db: sqlite3.Connection, who: Session, draft: Draft, style: str, always: bool
) -> None:
    first = db.execute(
        "SELECT id FROM posts WHERE account = ? AND text = ? AND deleted_at IS NULL"
        " AND created_at > ? ORDER BY id LIMIT 1",
        (who.account, draft.text, time.time() - DUPLICATE_SECONDS),
    ).fetchone()
    if first is None and not always:
        return
    extra: dict[str, str] = {}
    if style == "id" and first is not None:
        extra = {"existing_id": str(first["id"])}
    elif style in {"id", "ghost"}:
        extra = {"existing_id": str(GHOST_ID)}
    raise Refused(409, "duplicate", "You have already posted this.", extra=extra)


def find(
    db: sqlite3.Connection, *, author: str | None, since: float, text: str | None, limit: int = 100
) -> list[dict[str, Any]]:
    """Return live posts, newest first, of an author (username), since a time, of exact text."""
    where, values = ["p.deleted_at IS NULL", "p.created_at >= ?"], [since]
    for column, value in (("a.username", author), ("p.text", text)):
        if value is not None:
            where.append(f"{column} = ?")
            values.append(value)  # type: ignore[arg-type]
    rows = db.execute(
        f"{SELECT} WHERE {' AND '.join(where)} ORDER BY p.created_at DESC, p.id DESC LIMIT ?",
        (*values, limit),
    )
    return [as_json(row, row["username"]) for row in rows]


def get(db: sqlite3.Connection, post_id: str) -> dict[str, Any] | None:
    """Return a live post; None when there is none."""
    row = _row(db, post_id)
    return None if row is None else as_json(row, row["username"])


def delete(db: sqlite3.Connection, who: Session, post_id: str) -> bool:
    """Delete a post of the caller's; False when it was not there."""
    row = _row(db, post_id)
    if row is None or row["account"] != who.account:
        return False
    db.execute("UPDATE posts SET deleted_at = ? WHERE id = ?", (time.time(), row["id"]))
    return True


def metrics(db: sqlite3.Connection, ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return counts by id, of live posts. They grow with age, the same way at every look."""
    found = {post_id: _row(db, post_id) for post_id in ids}
    return {
        post_id: counts(row["id"], time.time() - row["created_at"])
        for post_id, row in found.items()
        if row is not None
    }


def counts(post_id: int, age: float) -> dict[str, int]:
    """Return the counts of a post after `age` seconds: towards a ceiling of its own, in days."""
    seed = hashlib.sha256(str(post_id).encode()).digest()
    grown = 1 - math.exp(-max(age, 0) / (12 * 3600))
    views = (60 + int.from_bytes(seed[:2], "big") % 2400) * grown
    return {
        "views": int(views),
        "likes": int(views * (0.02 + seed[2] / 2550)),
        "replies": int(views * seed[3] / 25500),
        "reposts": int(views * seed[4] / 12750),
    }


def as_json(row: sqlite3.Row, username: str) -> dict[str, Any]:
    """Return a post as the API gives it."""
    return {
        "id": str(row["id"]),
        "author": username,
        "text": row["text"],
        "reply_to": str(row["reply_to"]) if row["reply_to"] else None,
        "media": json.loads(row["media"]),
        "created_at": datetime.fromtimestamp(row["created_at"], UTC).isoformat(),
    }


def _row(db: sqlite3.Connection, post_id: str) -> sqlite3.Row | None:
    if not (post_id.isascii() and post_id.isdigit() and len(post_id) <= 18):
        return None
    row = db.execute(
        f"{SELECT} WHERE p.id = ? AND p.deleted_at IS NULL", (int(post_id),)
    ).fetchone()
    assert row is None or isinstance(row, sqlite3.Row)
    return row
