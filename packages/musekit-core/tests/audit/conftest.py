"""The core alone, with an organization of two spaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest

from musekit.kernel.actors import Actor
from musekit.kernel.build import build_host
from musekit.kernel.host import Host
from musekit.kernel.settings import CoreSettings
from musekit.organizations import service
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")


@pytest.fixture
def host(settings: CoreSettings) -> Iterator[Host]:
    built = build_host(settings, plugins=[], strict=True)
    yield built
    built.close()


@dataclass
class Team:
    """An organization; its owner is in the first space."""

    host: Host
    owner: SignedIn
    id: UUID
    first: UUID
    second: UUID

    def add(self, user: SignedIn, role: str) -> SignedIn:
        """Make somebody a member, and bring them to the first space."""
        with self.host.database.session(SYSTEM) as session:
            service.join(session, self.id, user.user_id, role, [self.first])
        go(user, self.first)
        return user


def go(user: SignedIn, space_id: UUID) -> None:
    answer = user.client.post("/api/spaces/switch", json={"space_id": str(space_id)})
    assert answer.is_success, answer.text


@pytest.fixture
def team(host: Host, make_user: Callable[..., SignedIn]) -> Team:
    owner = make_user("owner@example.com")
    with host.database.session(SYSTEM) as session:
        made, first = service.create(session, owner.user_id, "Juniper")
        second = service.add_space(session, made.id, "Client")
        ids = made.id, first.id, second.id
    go(owner, ids[1])
    return Team(host, owner, *ids)
