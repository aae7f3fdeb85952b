"""A host of the core alone, and what tests of mail need of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from tests.support.smtp import Receiver, receiver

from musekit.email import service
from musekit.email.mail import Address
from musekit.email.models import OutboxMail
from musekit.email.settings import EmailSettings
from musekit.kernel.actors import Actor
from musekit.kernel.build import build_host
from musekit.kernel.database.types import db_now
from musekit.kernel.host import Host
from musekit.kernel.settings import CoreSettings

SYSTEM = Actor.system("tests")


@pytest.fixture
def host(settings: CoreSettings) -> Iterator[Host]:
    built = build_host(settings, plugins=["musekit"], strict=True)
    yield built
    built.close()


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def by_smtp(host: Host, server: Receiver) -> Callable[..., None]:
    """Have the host send by SMTP, to the server or to another port."""

    def use(port: int = 0, **more: Any) -> None:
        given = {
            "provider": "smtp", "sender": "no-reply@app.example", "smtp_host": "127.0.0.1",
            "smtp_port": port or server.port, "smtp_security": "none", "smtp_seconds": 2,
            "retry_seconds": 0.001,
        }  # fmt: skip
        host.sections[EmailSettings] = EmailSettings(**(given | more))

    return use


class Outbox:
    """Queueing and looking, in units of work of the system."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def queue(self, email: str = "ada@example.com", **more: Any) -> UUID | None:
        with self._host.database.session(SYSTEM) as session:
            return service.queue(
                session, self._host, "verify-email", to=Address(email=email, name="Ada"),
                context={"url": "https://app.example/verify/canary-of-a-link", "hours": 48}, **more,
            )  # fmt: skip

    def rows(self) -> Sequence[OutboxMail]:
        with self._host.database.session(SYSTEM, readonly=True) as session:
            return session.scalars(select(OutboxMail).order_by(OutboxMail.id)).all()

    def states(self) -> list[str]:
        return [row.state for row in self.rows()]

    def make_due(self) -> None:
        """Let the time pass that open mails wait for, and leases last."""
        with self._host.database.session(SYSTEM) as session:
            session.execute(update(OutboxMail).values(next_attempt_at=db_now()))


@pytest.fixture
def outbox(host: Host) -> Outbox:
    return Outbox(host)
