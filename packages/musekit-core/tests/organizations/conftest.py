"""The core alone; people with an organization."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from musekit.email import service as email
from musekit.email.models import OutboxMail
from musekit.kernel.actors import Actor
from musekit.kernel.build import build_host
from musekit.kernel.host import Host
from musekit.kernel.settings import CoreSettings
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")


@pytest.fixture
def host(settings: CoreSettings) -> Iterator[Host]:
    built = build_host(settings, plugins=[], strict=True)
    yield built
    built.close()


@dataclass
class Team:
    """An organization, made by somebody who is in its first space."""

    host: Host
    app: FastAPI
    owner: SignedIn
    id: UUID
    space_id: UUID
    make_user: Callable[..., SignedIn]

    @property
    def url(self) -> str:
        return f"/api/organizations/{self.id}"

    def invite(self, address: str, role: str = "editor", by: Any = None, **more: Any) -> Any:
        body = {"email": address, "role": role, **more}
        return (by or self.owner).client.post(f"{self.url}/invitations", json=body)

    def token(self, address: str) -> str:
        """Return what the last invitation mailed to an address has at the end of its link."""
        with self.host.database.session(SYSTEM, readonly=True) as session:
            mails = session.scalars(
                select(OutboxMail)
                .where(OutboxMail.to_email == address, OutboxMail.template == "invitation")
                .order_by(OutboxMail.created_at, OutboxMail.id)
            ).all()
        found = re.search(r"/invite/([\w-]+)", email.unseal(self.host, mails[-1]).text)
        assert found
        return found[1]

    def join(self, role: str, **more: Any) -> SignedIn:
        """Have a newcomer join, and go to the space they were given."""
        user = self.make_user()
        assert self.invite(user.email, role, **more).status_code == 201
        answer = user.client.post("/api/invitations/accept", json={"token": self.token(user.email)})
        assert answer.status_code == 200, answer.text
        self.go(user, answer.json()["space_id"])
        return user

    def go(self, user: SignedIn, space_id: Any) -> None:
        answer = user.client.post("/api/spaces/switch", json={"space_id": str(space_id)})
        assert answer.status_code == 200, answer.text

    def roles(self) -> dict[UUID, str]:
        """Return the roles in the first space."""
        from musekit.spaces.models import SpaceMember

        return self.roles_in(self.space_id, SpaceMember)

    def roles_in(self, space_id: UUID, model: Any) -> dict[UUID, str]:
        with self.host.database.session(SYSTEM, readonly=True) as session:
            rows = session.scalars(select(model).where(model.space_id == space_id)).all()
        return {row.user_id: row.role for row in rows}


@pytest.fixture
def team(host: Host, app: FastAPI, make_user: Callable[..., SignedIn]) -> Team:
    owner = make_user()
    made = owner.client.post("/api/organizations", json={"name": "Juniper & Söhne"}).json()
    team = Team(
        host, app, owner, UUID(made["organization"]["id"]), UUID(made["space"]["id"]), make_user
    )
    team.go(owner, team.space_id)
    return team


@pytest.fixture
def browser(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as made:
        yield made


@pytest.fixture
def form() -> Callable[..., dict[str, str]]:
    """Return what a form of a browser sends: its fields, and the token of its session."""

    def filled(client: TestClient, **fields: str) -> dict[str, str]:
        page = client.get("/organization/new").text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        return {"csrf_token": token, **fields}

    return filled
