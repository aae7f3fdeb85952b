"""What claims and promotions read: what is in flight, and all that publishing a post needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from passivepost.publishing.sql import Call, Statement, Unit
from passivepost.publishing.work import Claim, Sealed
from passivepost.sdk.platform import Platform

#: Of a state, named in braces: it is queued and in nobody's hands. The index of lanes says so, too.
OPEN = (
    "{0}.stage = 'queued' AND {0}.hold IS NULL AND {0}.review IS NULL AND {0}.lease_until IS NULL"
)
#: Leases, by space.
IN_FLIGHT = Statement(
    """
    SELECT space_id, count(*) FROM publish_state WHERE lease_until IS NOT NULL GROUP BY space_id
    """,
    returns=("uuid", "int"),
)
_READ = Statement(
    """
    SELECT s.post_id, s.space_id, s.account_id, s.platform, s.lease_token, s.revision,
           s.content_hash, s.publish_key, s.tries, s.crashes, s.attempts, s.armed_at,
           s.attempts > 0 AND EXISTS (
               SELECT 1 FROM publish_attempts a
               WHERE a.post_id = s.post_id AND a.publish_key = s.publish_key
               AND (a.outcome IS NULL
                    OR a.outcome IN ('unknown', 'reconciled_absent', 'resolved_absent'))),
           CAST(s.progress AS text), p.content, p.media_urls, CAST(d.parts AS text),
           CAST(d.options AS text),
           c.platform_user_id, c.platform_username, c.access_token_encrypted,
           c.refresh_token_encrypted, c.token_expires_at, c.scopes
    FROM {r} JOIN publish_state s ON s.post_id = r.id
    JOIN social_posts p ON p.id = r.id
    LEFT JOIN post_details d ON d.post_id = r.id
    LEFT JOIN social_accounts c ON c.id = s.account_id
    """,
    batch={"id": "uuid"},
    returns=(
        "uuid", "uuid", "uuid", "text", "int", "int", "text", "uuid", "int", "int", "int", "time",
        "bool",
        "text", "text", "list", "text", "text", "text", "text", "text", "text", "time", "list",
    ),
)  # fmt: skip


def reading(posts: Sequence[UUID]) -> Call:
    """Return the statement that reads posts; `claims_of` takes its rows."""
    return _READ, [(post_id,) for post_id in posts], {}


def claims_of(rows: Sequence[tuple[Any, ...]], platforms: Mapping[str, Platform]) -> list[Claim]:
    """Return what was read, as far as its network can be published to."""
    return [_claim(row, platforms) for row in rows if row[3] in platforms]


def read(unit: Unit, posts: Sequence[UUID], platforms: Mapping[str, Platform]) -> list[Claim]:
    """Read posts whose lease, or read-back, is ours."""
    return claims_of(unit.send(reading(posts))[0], platforms)


def _claim(row: tuple[Any, ...], platforms: Mapping[str, Platform]) -> Claim:
    return Claim(
        post_id=row[0],
        space_id=row[1],
        account_id=row[2],
        platform=platforms[row[3]],
        token=row[4],
        revision=row[5],
        content_hash=row[6],
        publish_key=row[7],
        tries=row[8],
        crashes=row[9],
        attempts=row[10],
        armed_at=row[11],
        doubt=row[12],
        progress=_parsed(row[13]),
        text=row[14],
        media_urls=row[15] or [],
        parts=_parsed(row[16]) or [],
        options=_parsed(row[17]),
        sealed=Sealed(row[2], row[1], *row[18:24]) if row[20] else None,
    )


def _parsed(text: str | None) -> Any:
    """Return what JSON text says. Most is empty, and the driver's loader takes its time over it."""
    return {} if text is None or text == "{}" else json.loads(text)
