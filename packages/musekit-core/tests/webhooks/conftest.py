"""A host of the core alone with events of its own, receivers, and a space that listens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from tests.support.listener import Listener, listening

from musekit.declarations import WebhookEvent
from musekit.kernel.actors import Actor
from musekit.kernel.build import build_host
from musekit.kernel.database.types import db_now, utc_now
from musekit.kernel.host import Host
from musekit.kernel.registry import Contribution
from musekit.kernel.settings import CoreSettings
from musekit.webhooks import delivery, emitting, endpoints
from musekit.webhooks.models import WebhookDelivery, WebhookEndpoint
from musekit.webhooks.settings import WebhookSettings

SYSTEM = Actor.system("tests")
EVENTS = (
    WebhookEvent(key="thing.made", label="A thing was made", sample={"thing_id": "1"}),
    WebhookEvent(key="thing.lost", label="A thing was lost", sample={"thing_id": "2"}),
)


@pytest.fixture
def host(settings: CoreSettings) -> Iterator[Host]:
    made = build_host(settings, plugins=["musekit"], strict=True)
    made.registry.frozen = False
    made.registry.accept("musekit", Contribution({"webhook_events": list(EVENTS)}))
    made.registry.frozen = True
    yield made
    made.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as made:
        yield made


@dataclass
class Lab:
    """What a test of webhooks does."""

    host: Host
    listener: Listener
    user: Any

    @property
    def actor(self) -> Actor:
        return Actor(
            kind="user", name="tests", user_id=self.user.user_id, space_id=self.user.space_id
        )

    def allow(self, *listeners: Listener) -> None:
        for each in listeners:
            self.host.outbound.allow("127.0.0.1", each.port)

    def use(self, **values: Any) -> None:
        """Set settings of webhooks."""
        self.host.sections[WebhookSettings] = WebhookSettings(**values)

    def endpoint(
        self, url: str = "", *events: str, space_id: UUID | None = None
    ) -> tuple[UUID, str]:
        """Make an endpoint; return its id and its secret."""
        with self.host.database.session(SYSTEM) as session:
            row, secret = endpoints.create(
                session, self.host, space_id or self.user.space_id,
                endpoints.Wanted(url=url or self.listener.url, events=list(events) or ["*"]),
                by=self.user.user_id,
            )  # fmt: skip
            return row.id, secret

    def emit(self, count: int = 1, event: str = "thing.made", **data: Any) -> int:
        """Emit events as the user, each in a unit of work of its own."""
        told = 0
        for at in range(count):
            with self.host.database.session(self.actor) as session:
                told += emitting.emit(
                    session, self.host, self.user.space_id, event, {"thing_id": str(at), **data}
                )
        return told

    def deliver(self, **given: Any) -> dict[str, int]:
        return dict(delivery.deliver(self.host, **given).outcomes)

    def rows(self) -> Sequence[WebhookDelivery]:
        with self.host.database.session(SYSTEM, readonly=True) as session:
            return session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id)).all()

    def states(self) -> list[str]:
        return [row.state for row in self.rows()]

    def one(self) -> WebhookEndpoint:
        with self.host.database.session(SYSTEM, readonly=True) as session:
            return session.scalars(select(WebhookEndpoint)).one()

    def make_due(self) -> None:
        """Let the time pass that open deliveries wait for, and leases last."""
        with self.host.database.session(SYSTEM) as session:
            session.execute(
                update(WebhookDelivery).values(next_attempt_at=db_now(), lease_until=db_now())
            )

    def fail_for(self, days: float) -> None:
        """Let the endpoints have failed for some time."""
        with self.host.database.session(SYSTEM) as session:
            since = utc_now() - timedelta(days=days)
            session.execute(update(WebhookEndpoint).values(failing_since=since))


@pytest.fixture
def lab(host: Host, make_user: Any, listener: Listener) -> Lab:
    made = Lab(host, listener, make_user())
    made.allow(listener)
    made.use(timeout_seconds=2)
    return made
