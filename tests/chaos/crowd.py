"""Thousands of posts for `musekit worker` processes, on the sandbox network as a process."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
from sqlalchemy import func, insert, select
from tests.support.deployment import wait_for

from musekit.api import Actor, SocialAccount, SocialPost, Space, User, new_id
from musekit.kernel.crypto.keyring import KeyRing
from musekit.kernel.database.session import Database
from musekit.testing.servers import free_port
from passivepost.accounts.vault import seal
from passivepost.posts.models import PostDetails
from passivepost.publishing.models import PublishState
from passivepost.publishing.sql import Statement, Unit
from passivepost.sdk.content import Credentials

SYSTEM = Actor.system("tests")
LEAD = 8.0  #: seconds before the first post: workers are up, and asleep
# How far ahead a post is due stands in `crashes`, in milliseconds, until everything is stored.
_COUNT_DOWN = Statement(
    """
    UPDATE publish_state AS s SET crashes = 0, due_at = {plus(0.001 * s.crashes)},
        next_attempt_at = {plus(0.001 * s.crashes)}
    """
)


@contextmanager
def network(folder: Path) -> Iterator[httpx.Client]:
    """Run the sandbox network as a process of its own."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "passivepost_platform_sandbox", "--port", str(port),
         "--data", str(folder)]
    )  # fmt: skip

    def answers() -> bool:
        try:
            return client.get("/settings").status_code == 200
        except httpx.TransportError:
            return False

    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            wait_for(answers, 20)
            yield client
    finally:
        process.terminate()
        process.wait(10)


def fill(
    database: Database,
    keyring: KeyRing,
    tokens: list[dict],
    count: int,
    span: float,
    lead: float = LEAD,
) -> None:
    """Store an account for each token, and `count` posts over them, spread over `span` seconds."""
    now, dice = datetime.now(UTC), random.Random(21)
    users, spaces, accounts, posts, details, states, lanes = [], [], [], [], [], [], []
    for token in tokens:
        user, space, account = new_id(), new_id(), new_id()
        lanes.append((user, space, account))
        mail = f"{token['username']}@example.com"
        users.append({"id": user, "email": mail, "email_key": mail, "name": "", "timezone": "UTC",
                      "locale": "en", "is_operator": False})  # fmt: skip
        spaces.append({"id": space, "name": "s", "personal_user_id": user, "timezone": "UTC"})
        sealed = seal(
            keyring,
            SocialAccount(id=account, space_id=space),
            Credentials(access_token=token["access_token"], refresh_token=token["refresh_token"]),
        )
        accounts.append({"id": account, "space_id": space, "user_id": user, "platform": "sandbox",
                         "platform_user_id": str(token["id"]), "is_valid": True, **sealed,
                         "platform_username": token["username"]})  # fmt: skip
    for n in range(count):
        user, space, account = lanes[n % len(lanes)]
        post, text = new_id(), f"on time {n}"
        digest = hashlib.sha256(text.encode()).hexdigest()
        posts.append({"id": post, "space_id": space, "user_id": user, "account_id": account,
                      "platform": "sandbox", "content": text, "media_urls": [], "scheduled_at": now,
                      "status": "scheduled", "ai_generated": False})  # fmt: skip
        details.append({"post_id": post, "space_id": space, "revision": 1, "content_hash": digest,
                        "parts": [{"text": text, "media": []}], "options": {}, "timezone": "UTC",
                        "posted_ids": [], "updated_at": now})  # fmt: skip
        ahead = round(1000 * (lead + dice.uniform(0, span)))
        far = now.replace(year=now.year + 1)
        states.append({"post_id": post, "space_id": space, "account_id": account, "revision": 1,
                       "platform": "sandbox", "stage": "waiting", "due_at": far,
                       "next_attempt_at": far, "content_hash": digest, "publish_key": uuid4(),
                       "progress": {}, "crashes": ahead, "updated_at": now})  # fmt: skip
    with database.session(SYSTEM) as session:
        for model, rows in (
            (User, users),
            (Space, spaces),
            (SocialAccount, accounts),
            (SocialPost, posts),
            (PostDetails, details),
            (PublishState, states),
        ):
            session.execute(insert(model), rows)  # fmt: skip


def count_down(database: Database) -> dict[str, datetime]:
    """Let what `fill` stored come due from now on; return when each text is due."""
    with database.session(SYSTEM) as session:
        Unit(session.connection()).run(_COUNT_DOWN)
    with database.session(SYSTEM, readonly=True) as session:
        stored = select(SocialPost.content, PublishState.due_at).join(
            PublishState, PublishState.post_id == SocialPost.id
        )
        return dict(session.execute(stored).all())


def open_posts(database: Database) -> int:
    """Return how many posts are not done."""
    with database.session(SYSTEM, readonly=True) as session:
        return session.scalar(select(func.count()).where(PublishState.stage != "done")) or 0


def sandbox_settings(key: str, address: httpx.URL) -> dict[str, str]:
    """Return settings by which a deployment reaches the network, and reads what we encrypted."""
    return {
        "SOCIAL_ENCRYPTION_KEY": key, "MUSEKIT_LOG_LEVEL": "INFO",
        "MUSEKIT_OUTBOUND_ALLOW": f'["{address.host}:{address.port}"]',
        "PASSIVEPOST_PLATFORM_SANDBOX_BASE_URL": str(address).rstrip("/"),
    }  # fmt: skip
