"""Spaces, accounts and posts in bulk, as the product itself would have stored them."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg

from musekit.api import SocialAccount, new_id
from musekit.kernel.crypto.keyring import KeyRing
from musekit.kernel.settings import CoreSettings
from passivepost.accounts.vault import seal
from passivepost.sdk.content import Credentials

USERS = "users (id, email, email_key, name, is_operator, timezone, locale, created_at, updated_at)"
SPACES = "spaces (id, name, personal_user_id, timezone, created_at)"
MEMBERS = "space_members (space_id, user_id, role, created_at)"
ACCOUNTS = (
    "social_accounts (id, space_id, user_id, platform, platform_user_id, platform_username,"
    " display_name, access_token_encrypted, refresh_token_encrypted, token_expires_at, scopes,"
    " is_valid, connected_at, updated_at)"
)
POSTS = (
    "social_posts (id, space_id, user_id, account_id, platform, content, media_urls, status,"
    " scheduled_at, ai_generated, created_at, updated_at)"
)
DETAILS = (
    "post_details (post_id, space_id, parts, options, revision, content_hash, timezone,"
    " posted_ids, updated_at)"
)
STATES = (
    "publish_state (post_id, space_id, account_id, platform, stage, due_at, next_attempt_at,"
    " revision, content_hash, publish_key, updated_at)"
)


def encryption_key() -> str:
    """Return a fresh value for ``SOCIAL_ENCRYPTION_KEY``."""
    return "bench:" + base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True)
class Lane:
    """An account to post with."""

    space: UUID
    user: UUID
    account: UUID


def connect(url: str) -> psycopg.Connection[Any]:
    """Open a plain connection for bulk work."""
    return psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=False)


def fill_accounts(
    url: str, settings: CoreSettings, count: int, platform: str = "twitter"
) -> list[Lane]:
    """Store `count` users, each with a personal space and one connected account.

    Args:
        url: a superuser's, on the database of `settings`: COPY does not pass row level security.
    """
    keyring, now = KeyRing.from_settings(settings), datetime.now(UTC)
    lanes = [Lane(new_id(), new_id(), new_id()) for _ in range(count)]
    credentials = Credentials(
        access_token=secrets.token_urlsafe(40),
        refresh_token=secrets.token_urlsafe(40),
        expires_at=now + timedelta(hours=2),
        scopes=("tweet.write",),
    )
    with connect(url) as connection, connection.cursor() as cursor:
        _copy(cursor, USERS, ((lane.user, f"{lane.user}@example.com", f"{lane.user}@example.com",
                               "", False, "UTC", "en", now, now) for lane in lanes))  # fmt: skip
        _copy(cursor, SPACES, ((lane.space, "Sample", lane.user, "UTC", now) for lane in lanes))
        _copy(cursor, MEMBERS, ((lane.space, lane.user, "owner", now) for lane in lanes))
        rows = []
        for number, lane in enumerate(lanes):
            row = SocialAccount(id=lane.account, space_id=lane.space)
            sealed = seal(keyring, row, credentials)
            rows.append(
                (lane.account, lane.space, lane.user, platform, str(number), f"sample{number}",
                 "Sample", sealed["access_token_encrypted"], sealed["refresh_token_encrypted"],
                 credentials.expires_at, ["tweet.write"], True, now, now)
            )  # fmt: skip
        _copy(cursor, ACCOUNTS, rows)
    return lanes


def fill_posts(
    url: str, lanes: list[Lane], count: int, *, platform: str = "twitter",
    status: str = "scheduled", due: datetime | None = None,
) -> None:  # fmt: skip
    """Store `count` posts, dealt out over the lanes; scheduled ones are in the due queue."""
    now = datetime.now(UTC)
    due = due or now + timedelta(days=30)
    stage = {"scheduled": "waiting", "posted": "done"}[status]
    posts, details, states = [], [], []
    for number in range(count):
        lane, post, text = lanes[number % len(lanes)], new_id(), f"sample post {uuid4()}"
        parts = json.dumps([{"text": text, "media": []}])
        digest = hashlib.sha256(parts.encode()).hexdigest()
        at = due + timedelta(microseconds=number)
        posts.append((post, lane.space, lane.user, lane.account, platform, text, [],
                      "draft" if status == "posted" else status, at, False, now, now))  # fmt: skip
        details.append((post, lane.space, parts, "{}", 1, digest, "UTC", "[]", now))
        states.append(
            (post, lane.space, lane.account, platform, stage, at, at, 1, digest, uuid4(), now)
        )
    with connect(url) as connection, connection.cursor() as cursor:
        _copy(cursor, POSTS, posts)
        _copy(cursor, DETAILS, details)
        _copy(cursor, STATES, states)
    vacuum(url)


def postpone_jobs(url: str) -> None:
    """Let no scheduled job run meanwhile: the yardstick publishes and does nothing else."""
    later = datetime.now(UTC) + timedelta(days=1)
    with connect(url) as connection:
        for name in ("social-health-check", "social-trend-monitor", "social-engagement-pull"):
            connection.execute(
                "INSERT INTO job_schedules (name, next_run_at) VALUES (%s, %s)",
                (name, later),
            )


def make_due(settings: CoreSettings, *, ahead: float = 0.0) -> None:
    """Let every waiting post come due at one moment, `ahead` seconds from now; wait for it."""
    with connect(settings.database_system_url) as connection, connection.cursor() as cursor:
        began = time.monotonic()
        cursor.execute(
            "UPDATE publish_state SET due_at = now() + %(at)s, next_attempt_at = now() + %(at)s"
            " WHERE stage = 'waiting'",
            {"at": timedelta(seconds=ahead)},
        )
        connection.commit()
    time.sleep(max(0.0, ahead - (time.monotonic() - began)))


def vacuum(url: str) -> None:
    """Give the planner its statistics, as a database at rest has them."""
    with connect(url) as connection:
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")


def _copy(cursor: psycopg.Cursor[Any], target: str, rows: Any) -> None:
    with cursor.copy(f"COPY {target} FROM STDIN") as copy:  # type: ignore[arg-type]
        for row in rows:
            copy.write_row(row)
