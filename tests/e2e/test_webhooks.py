"""Events for a bad receiver, by workers that are killed and restarted: each is told, under one id.

Judged by the receiver's ledger, whatever it answered: every event at least once; an event has one
id and one body however often it comes; no more requests than events, refusals and kills; and every
signature holds, under both secrets from the moment on that there are two.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook
from tests.support.deployment import Deployment, Person, wait_for
from tests.support.feature import Feature, featured
from tests.support.listener import Listener, Told, cut, garbage, listening

from musekit.kernel.database.types import db_now
from musekit.testing.servers import free_port
from musekit.webhooks.models import WebhookDelivery

#: Emits events, or lets the time pass that is waited for: as the clock does, but at once.
CAUSE = """
from uuid import UUID
from sqlalchemy import update
from musekit.api import Actor, Happened, emit_webhooks
from musekit.kernel.database.types import db_now
from musekit.webhooks.emitting import JOB
from musekit.webhooks.models import WebhookDelivery

def act(what, *words):
    with host.database.session(Actor.system("tests")) as session:
        if what == "later":
            session.execute(
                update(WebhookDelivery)
                .where(WebhookDelivery.state.in_(("pending", "sending")))
                .values(next_attempt_at=db_now(), lease_until=db_now())
            )
        else:
            space, first, after = words
            emit_webhooks(session, host, [
                Happened(space_id=UUID(space), event="space.created", data={"number": number})
                for number in range(int(first), int(after))
            ])
    host.broker.enqueue(JOB)
"""
TOGETHER = 20  # events that one unit of work tells


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def deployment(deploy: Any, port: int) -> Iterator[Deployment]:
    made: Deployment = deploy(
        MUSEKIT_OUTBOUND_ALLOW=json.dumps([f"127.0.0.1:{port}"]),
        MUSEKIT_WEBHOOK_TIMEOUT_SECONDS="3",
    )  # fmt: skip
    made.serve()
    yield made
    made.stop()


@pytest.fixture
def person(deployment: Deployment) -> Person:
    return deployment.sign_up()


@pytest.fixture
def feature(deployment: Deployment) -> Iterator[Feature]:
    with featured(deployment, CAUSE) as made:
        yield made


def states(deployment: Deployment) -> dict[str, int]:
    return counted(deployment, "state")


def counted(deployment: Deployment, column: str) -> dict[str, int]:
    assert deployment.urls
    engine = sa.create_engine(deployment.urls.system_url, poolclass=sa.NullPool)
    query = f"SELECT {column}, count(*) FROM webhook_deliveries GROUP BY {column}"  # noqa: S608
    with engine.connect() as connection:
        return {str(name): int(count) for name, count in connection.execute(sa.text(query))}


def under_way(deployment: Deployment) -> int:
    """Return how many deliveries are in the hand of a worker that lives, or may live."""
    assert deployment.urls
    engine = sa.create_engine(deployment.urls.system_url, poolclass=sa.NullPool)
    in_hand = sa.select(sa.func.count()).where(
        WebhookDelivery.state == "sending", WebhookDelivery.lease_until > db_now()
    )
    with engine.connect() as connection:
        return int(connection.execute(in_hand).scalar_one())


def number(told: Told) -> int:
    found: int = json.loads(told.body)["data"]["number"]
    return found


class Story:
    """What happens to a deployment and its receiver, one after another."""

    def __init__(
        self, deployment: Deployment, person: Person, feature: Feature, port: int
    ) -> None:  # fmt: skip
        self.deployment, self.person, self.feature, self.port = deployment, person, feature, port
        self.told: list[Told] = []
        self.emitted = self.again = 0  #: events; requests that may have come for nothing
        self.url = f"http://127.0.0.1:{port}/hook"
        self.space = person.done("GET", "/api/auth/me")["space"]["id"]

    def emit(self, count: int) -> None:
        for first in range(self.emitted, self.emitted + count, TOGETHER):
            after = min(first + TOGETHER, self.emitted + count)
            self.feature.do("emit", self.space, first, after)
        self.emitted += count

    def all_told(self, seconds: float) -> None:
        wait_for(
            lambda: states(self.deployment) == {"delivered": self.emitted}, seconds,
            lambda: f"{states(self.deployment)} {counted(self.deployment, 'last_error')}",
        )  # fmt: skip

    def power_cut(self, listener: Listener) -> None:
        """Kill the only worker with a message in its hand; start two others."""
        [worker] = [each for each in self.deployment.running if "worker" in each.name]
        wait_for(lambda: len(listener.told) >= 5, 20, lambda: worker.said, pause=0.001)
        worker.kill()
        self.again += 1
        self.deployment.running.remove(worker)
        self.feature.do("later")  # its lease runs out
        for _ in range(2):
            self.deployment.start("worker")

    def refusals(self, listener: Listener) -> None:
        """Fail in many ways: each holds up the others, so nothing else is under way meanwhile."""
        listener.script += [503, 500, cut, garbage]
        for left in range(len(listener.script) - 1, -1, -1):
            self.again += 1
            wait_for(lambda left=left: len(listener.script) <= left, 20)  # type: ignore[misc]
            wait_for(lambda: not under_way(self.deployment), 20)
            if left:
                self.feature.do("later")


def tell(story: Story, count: int) -> None:
    third = count // 3
    with listening(story.port) as listener:
        story.told = listener.told
        made = story.person.done("POST", "/api/webhooks", {"url": story.url, "events": ["*"]})
        old = made["signing_secret"]
        listener.pause = 0.02  # a kill finds a message that was taken, and not yet recorded
        story.deployment.start("worker")
        story.emit(third)
        story.power_cut(listener)
        listener.pause = 0
        story.refusals(listener)
        rotated = story.person.done("POST", f"/api/webhooks/{made['id']}/rotate", {})
        new, mark = rotated["signing_secret"], len(listener.told)
        story.feature.do("later")
        worker = story.deployment.running[-1]
        story.emit(third)
        wait_for(lambda: len(listener.told) >= mark + third // 2, 30, lambda: worker.said)
        wait_for(lambda: "worker started" in worker.said, 30)
        assert worker.stop() == 0  # what it had in hand is recorded
        story.deployment.running.remove(worker)
        story.all_told(60)
        before = list(listener.told)
    story.emit(count - 2 * third)  # nobody listens
    wait_for(
        lambda: "unreachable" in counted(story.deployment, "last_error"), 60,
        lambda: f"{states(story.deployment)} {counted(story.deployment, 'last_error')}",
    )  # fmt: skip
    story.deployment.start("worker")
    with listening(story.port) as listener:
        story.feature.do("later")
        story.all_told(60)
        story.told = before + listener.told
    assert mark < len(before)
    for at, told in enumerate(story.told):
        for secret in (old,) if at < mark else (old, new):
            Webhook(secret).verify(told.body, told.headers)
    judge(story)


def judge(story: Story) -> None:
    assert {number(each) for each in story.told} == set(range(story.emitted))
    once = {(number(each), each.id, each.body) for each in story.told}
    assert len(once) == story.emitted
    assert len({each.id for each in story.told}) == story.emitted
    assert len(story.told) <= story.emitted + story.again


def test_a_hundred_events(
    deployment: Deployment, person: Person, feature: Feature, port: int
) -> None:
    tell(Story(deployment, person, feature, port), 102)


@pytest.mark.slow
def test_a_thousand_events(
    deployment: Deployment, person: Person, feature: Feature, port: int
) -> None:
    tell(Story(deployment, person, feature, port), 1000)
