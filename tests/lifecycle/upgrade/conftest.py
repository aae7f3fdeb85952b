"""This release with a platform of somebody else, and the releases that follow it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.lifecycle.upgrade.work import THEIRS
from tests.support import next_release, shared
from tests.support.deployment import Deployment, deployed
from tests.support.example_network import network
from tests.support.sandbox import Sandbox
from tests.support.smtp import Receiver, receiver
from tests.support.wheels import Environment, Wheels, fresh

from passivepost.testing import Double


@pytest.fixture(scope="session")
def compatible(tmp_path_factory: pytest.TempPathFactory, wheels: Wheels) -> Wheels:
    """The core and PassivePost of the next release that keeps what plugins build on."""
    place = shared.folder(tmp_path_factory) / f"compatible-{wheels.folder.name}"
    return Wheels(shared.once(place, next_release.compatible) / "wheels")


@pytest.fixture(scope="session")
def breaking(tmp_path_factory: pytest.TempPathFactory, wheels: Wheels) -> Wheels:
    """The next one that does not, with the example made for it."""
    place = shared.folder(tmp_path_factory) / f"breaking-{wheels.folder.name}"
    return Wheels(shared.once(place, next_release.breaking) / "wheels")


@pytest.fixture
def environment(tmp_path: Path, wheels: Wheels, everything: Environment) -> Environment:
    """This release, and a platform of somebody else."""
    ours = ["passivepost", "passivepost-platform-sandbox", THEIRS]
    return fresh(tmp_path / "venv", wheels, ours, base=everything)


@pytest.fixture
def example() -> Iterator[Double]:
    """The network of somebody else's platform."""
    with network() as double:
        yield double


@pytest.fixture
def mailbox() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


@pytest.fixture
def deployment(
    tmp_path: Path, environment: Environment, postgres: str, net: Sandbox, example: Double,
    mailbox: Receiver,
) -> Iterator[Deployment]:  # fmt: skip
    settings = {
        "MUSEKIT_OUTBOUND_ALLOW": json.dumps([urlsplit(example.url).netloc]),
        "MUSEKIT_EMAIL_PROVIDER": "smtp",
        "MUSEKIT_EMAIL_SENDER": "no-reply@app.example",
        "MUSEKIT_EMAIL_SMTP_HOST": "127.0.0.1",
        "MUSEKIT_EMAIL_SMTP_PORT": str(mailbox.port),
        "MUSEKIT_EMAIL_SMTP_SECURITY": "none",
        "PASSIVEPOST_PLATFORM_SANDBOX_BASE_URL": net.url,
        "PASSIVEPOST_PLATFORM_EXAMPLE_URL": example.url,
        "PASSIVEPOST_PLATFORM_EXAMPLE_CLIENT_ID": "me",
        "PASSIVEPOST_POLL_SECONDS": "1",
    }
    with deployed(
        tmp_path / "deployment", postgres=postgres, musekit=environment.musekit, migrated=False,
        **settings,
    ) as made:  # fmt: skip
        made.run("migrate")
        yield made
