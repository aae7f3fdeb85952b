"""Thousands of posts for `musekit worker` processes, on the sandbox network as a process.

The network does not honour our keys and the platform does not say that it does: a second call for
a post is a second post in the network's ledger, and nothing hides it.
"""

from __future__ import annotations

import base64
import hashlib
import random
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import func, insert, select
from tests.support.deployment import Deployment, deployed, wait_for

from musekit.api import Actor, SocialAccount, SocialPost, Space, User, new_id
from musekit.kernel.crypto.keyring import KeyRing
from musekit.kernel.database.session import Database
from musekit.testing.servers import free_port
from passivepost.accounts.vault import seal
from passivepost.posts.models import PostDetails
from passivepost.publishing.models import PublishAttempt, PublishState
from passivepost.publishing.sql import Statement, Unit
from passivepost.sdk.content import Credentials

SYSTEM = Actor.system("tests")
LEAD = 8.0  #: seconds before the first post: workers are up, and asleep
# How far ahead a post is due stands in `crashes`, in milliseconds, until everything is stored.
_COUNT_DOWN = Statement(
    """
    UPDATE publish_state AS s SET crashes = 0, due_at = {plus(0.001 * s.crashes)},
        next_attempt_at = {plus(0.001 * s.crashes)}
    WHERE s.stage = 'waiting'
    """
)


#: A program that runs a module with its clock set wrong by so many seconds.
_SKEWED = """
import runpy, sys, time
real, by = time.time, float(sys.argv.pop(1))
time.time = lambda: real() + by
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


@contextmanager
def network(folder: Path, *, skew: float = 0.0) -> Iterator[httpx.Client]:
    """Run the sandbox network as a process of its own, its clock ahead by `skew` seconds."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", _SKEWED, str(skew), "passivepost_platform_sandbox",
         "--port", str(port), "--data", str(folder), "--honour-keys", "0"]
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
    texts: Sequence[str] = (),
) -> list[UUID]:
    """Store an account for each token, and `count` posts over them, spread over `span` seconds.

    Args:
        lead: seconds before the first of them.
        texts: of the posts; without them each has one of its own.

    Returns:
        The posts, in the order of their texts.
    """
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
        post, text = new_id(), texts[n] if texts else f"on time {n}"
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
    return [post["id"] for post in posts]


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
        "PASSIVEPOST_PLATFORM_SANDBOX_IDEMPOTENCY": "none",
    }  # fmt: skip


@dataclass
class Scene:
    """A network and a deployment before it, whose database the test reads beside its workers."""

    ledger: httpx.Client
    ours: Deployment
    database: Database
    keyring: KeyRing
    texts: list[str] = field(default_factory=list)  #: of all posts stored so far

    def connect(self, count: int, prefix: str = "user") -> list[dict[str, Any]]:
        """Make accounts at the network; return their names and tokens, for `fill`."""
        asked = {"count": count, "prefix": prefix}
        made: list[dict[str, Any]] = self.ledger.post("/accounts", json=asked).json()["items"]
        return made

    def fill(self, tokens: list[dict[str, Any]], texts: Sequence[str], lead: float = 0) -> None:
        """Store posts over new accounts with those tokens, due in `lead` seconds."""
        fill(self.database, self.keyring, tokens, len(texts), 0, lead, texts)
        count_down(self.database)
        self.texts += texts

    def faults(self, *rules: dict[str, Any]) -> None:
        """Put faults of the network in force, in place of those before."""
        self.ledger.put("/faults", json=list(rules)).raise_for_status()

    def lines(self, **query: str) -> list[dict[str, Any]]:
        """Return lines of the network's ledger about posts."""
        asked = {"kind": "post", "limit": "1000000", **query}
        found: list[dict[str, Any]] = self.ledger.get("/ledger", params=asked).json()["items"]
        return found

    def once(self) -> Counter[str]:
        """Ask that the network has nothing twice; return the texts it has accepted."""
        summary = self.ledger.get("/ledger/summary").json()
        twice = summary["duplicate_keys"] or summary["duplicate_texts"]
        assert not twice, f"published twice: {twice}"
        return Counter(line["text"] for line in self.lines(accepted="1"))

    def states(self) -> list[Any]:
        """Return (text, status, review, hold, failure kind, tries, reconcile_at) of each post."""
        chosen = select(
            SocialPost.content, SocialPost.status, PublishState.review, PublishState.hold,
            PublishState.failure_kind, PublishState.tries, PublishState.reconcile_at,
        ).join(PublishState, PublishState.post_id == SocialPost.id)  # fmt: skip
        with self.database.session(SYSTEM, readonly=True) as session:
            return list(session.execute(chosen))

    def outcomes(self) -> Counter[str | None]:
        """Return how the attempts ended; None: it is open."""
        counted = select(PublishAttempt.outcome, func.count()).group_by(PublishAttempt.outcome)
        with self.database.session(SYSTEM, readonly=True) as session:
            return Counter(dict(session.execute(counted).all()))

    def unsettled(self) -> int:
        """Return how many posts are neither done nor a person's to decide on."""
        waiting = (PublishState.review == "unconfirmed") & PublishState.reconcile_at.is_(None)
        counted = select(func.count()).where(
            PublishState.stage != "done", func.coalesce(waiting, False).is_(False)
        )
        with self.database.session(SYSTEM, readonly=True) as session:
            return session.scalar(counted) or 0

    def settle(self, seconds: float = 120) -> None:
        """Wait until every post is done or a person's to decide on."""
        said = self.ours.running[-1] if self.ours.running else None
        wait_for(lambda: not self.unsettled(), seconds, lambda: said.said if said else "",
                 pause=0.3)  # fmt: skip


@contextmanager
def scene(
    folder: Path, *, postgres: str = "", redis: str = "", skew: float = 0.0, **given: str
) -> Iterator[Scene]:
    """Run a network and provision a deployment for it; `given`: further settings of processes.

    Args:
        postgres, redis: as of `deployed`.
        skew: seconds by which the network's clock is ahead.
    """
    key = "test:" + base64.b64encode(secrets.token_bytes(32)).decode()
    with network(folder / "network", skew=skew) as ledger:
        environment = sandbox_settings(key, ledger.base_url) | given
        with deployed(folder / "ours", postgres=postgres, redis=redis, **environment) as ours:
            assert ours.urls is not None
            settings = ours.urls.settings(folder / "ours" / "data", social_encryption_key=key)
            database = Database(settings)
            try:
                yield Scene(ledger, ours, database, KeyRing.from_settings(settings))
            finally:
                database.close()
