"""Mails on a bad day, by workers of their own and a real SMTP server: each arrives.

Judged by two ledgers: what the server has taken, and what the proxy before it let through. A server
has a message when it has read the line with the single dot (RFC 5321 §4.2.5); the sender knows that
it has when the answer to it comes. Between the two the outcome is unknown by nature: a mail whose
answer never came is sent again, as the same message under the same Message-ID, and may then arrive
twice. So, mail by mail:

- one sending was answered, no more: after an answer nothing goes out again;
- of the others that reached the dot each is marked as in doubt, and only such mails come twice;
- what was cut before the dot, at whatever step, is neither in doubt nor doubled, but where the cut
  came so late that the sender had written the dot already (the proxy cuts within the message while
  the sender's bytes are under way): then it cannot know, and says so.

How many are in doubt is bounded by what can be under way at one moment: one mail in each of the
``MUSEKIT_EMAIL_AT_ONCE`` runs of each worker as the server goes, and one for each cut in a message.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.deployment import Deployment, wait_for
from tests.support.feature import Feature, featured
from tests.support.smtp import Receiver, receiver
from tests.support.smtp_cutter import Cutter, cutter

WORKERS, AT_ONCE = 2, 2
AWAY = 20.0
#: What a feature does, mail by mail.
CAUSE = """
from musekit.api import Actor, Address, queue_email

def act(first, after):
    for at in range(int(first), int(after)):
        with host.database.session(Actor.system("tests")) as session:
            queue_email(
                session, host, "verify-email", to=Address(email=f"user{at}@example.com"),
                context={"url": f"https://app.example/verify/{at}-canary-of-a-link", "hours": 1},
                dedupe_key=f"verify:{at}",
            )
"""


@pytest.fixture
def mailbox() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


@pytest.fixture
def proxy(mailbox: Receiver) -> Iterator[Cutter]:
    with cutter(mailbox.port) as made:
        yield made


@pytest.fixture
def deployment(deploy: Any, proxy: Cutter) -> Iterator[Deployment]:
    made: Deployment = deploy(
        MUSEKIT_EMAIL_PROVIDER="smtp", MUSEKIT_EMAIL_SENDER="no-reply@app.example",
        MUSEKIT_EMAIL_SMTP_HOST="127.0.0.1", MUSEKIT_EMAIL_SMTP_PORT=str(proxy.port),
        MUSEKIT_EMAIL_SMTP_SECURITY="none", MUSEKIT_EMAIL_SMTP_SECONDS="5",
        MUSEKIT_EMAIL_RETRY_SECONDS="0.5", MUSEKIT_EMAIL_BATCH="10",
        MUSEKIT_EMAIL_AT_ONCE=str(AT_ONCE),
    )  # fmt: skip
    yield made
    made.stop()


class Cause:
    """What causes mails."""

    def __init__(self, feature: Feature) -> None:
        self._feature, self.caused = feature, 0

    def __call__(self, count: int, first: int | None = None) -> None:
        """Cause so many mails: those that follow, or from one that was caused before."""
        first = self.caused if first is None else first
        self.caused = max(self.caused, first + count)
        self._feature.do(first, first + count)


@pytest.fixture
def cause(deployment: Deployment) -> Iterator[Cause]:
    with featured(deployment, CAUSE) as feature:
        yield Cause(feature)


def rows(deployment: Deployment, query: str) -> list[Any]:
    assert deployment.urls
    engine = sa.create_engine(deployment.urls.system_url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return list(connection.execute(sa.text(query)))


def states(deployment: Deployment) -> dict[str, int]:
    query = "SELECT state, count(*) FROM email_outbox GROUP BY state"
    return {state: int(count) for state, count in rows(deployment, query)}


@contextmanager
def away(mailbox: Receiver) -> Iterator[None]:
    """Have no server for a while."""
    mailbox.stop()
    yield
    mailbox.start()


def all_sent(deployment: Deployment, cause: Cause, seconds: float) -> None:
    wait_for(
        lambda: states(deployment) == {"sent": cause.caused}, seconds,
        lambda: f"{states(deployment)}\n{deployment.running[0].said}",
    )  # fmt: skip


def judge(deployment: Deployment, mailbox: Receiver, proxy: Cutter, cause: Cause) -> None:
    everybody = {f"user{at}@example.com" for at in range(cause.caused)}
    copies = Counter(each.to[0] for each in mailbox.taken)
    assert copies.keys() == everybody
    answered = Counter(each.to for each in proxy.sendings if each.answered)
    assert answered == dict.fromkeys(everybody, 1)
    unanswered = Counter(each.to for each in proxy.sendings if each.ended and not each.answered)
    for to, count in copies.items():
        assert count <= 1 + unanswered[to], to
    outbox = rows(deployment, "SELECT to_email, message_id, uncertain FROM email_outbox")
    in_doubt = {to for to, _, uncertain in outbox if uncertain}
    assert unanswered.keys() <= in_doubt
    begun = {each.to for each in proxy.sendings if not each.answered}
    assert in_doubt <= begun
    assert len(begun) <= 2 + WORKERS * AT_ONCE, begun
    ids = {to: message_id for to, message_id, _ in outbox}
    for each in mailbox.taken:
        assert each.message_id == ids[each.to[0]]
    assert len({each.content for each in mailbox.taken}) == len(everybody)  # copies byte for byte
    for worker in deployment.running:
        assert worker.stop() == 0
        log = worker.log.read_text()
        assert "canary" not in log
        assert "user7@example.com" not in log


def test_thirty_mails(
    deployment: Deployment, mailbox: Receiver, proxy: Cutter, cause: Cause
) -> None:
    for _ in range(WORKERS):
        deployment.worker()
    for step in ("RCPT", "dot", "body"):
        proxy.cut(step)
        cause(5)
        wait_for(lambda: proxy.times == 0, 20, lambda: f"{proxy.step}: {states(deployment)}")
    mailbox.pause = 0.2  # the server goes with messages that it has not answered
    cause(8)
    with away(mailbox):
        cause(9, first=20)  # what is caused twice is one mail
        wait_for(lambda: "connect" in said(deployment), 20, lambda: said(deployment))
    mailbox.pause = 0
    cause(1)
    all_sent(deployment, cause, 30)
    assert proxy.cuts == 3
    judge(deployment, mailbox, proxy, cause)


def said(deployment: Deployment) -> str:
    """Return why mails wait."""
    query = "SELECT DISTINCT last_error FROM email_outbox WHERE last_error IS NOT NULL"
    return "\n".join(text for (text,) in rows(deployment, query))


@pytest.mark.slow
def test_two_hundred_mails_on_a_bad_day(
    deployment: Deployment, mailbox: Receiver, proxy: Cutter, cause: Cause
) -> None:
    mailbox.pause = 0.15  # slow enough that there are mails left for every cut
    for _ in range(WORKERS):
        deployment.worker()
    steps = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "body", "dot", "QUIT")
    for step in steps:
        proxy.cut(step)
        cause(12)
        wait_for(lambda: proxy.times == 0, 60, lambda: f"{proxy.step}: {states(deployment)}")
    cause(10)
    with away(mailbox):
        mailbox.pause = 0
        cause(200, first=0)
        wait_for(lambda: "connect" in said(deployment), 20, lambda: said(deployment))
        time.sleep(AWAY)
        assert len(mailbox.copies()) < cause.caused
    all_sent(deployment, cause, 150)
    assert proxy.cuts == len(steps)
    judge(deployment, mailbox, proxy, cause)
