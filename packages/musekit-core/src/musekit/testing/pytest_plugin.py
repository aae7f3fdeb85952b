"""Fixtures for the tests of plugins and products: real databases, a real host, no mocks.

Installed with the core (entry point ``pytest11``), so a plugin's tests just ask for them. Servers
come from ``MUSEKIT_TEST_POSTGRES_URL`` and ``MUSEKIT_TEST_REDIS_URL``, else throw-away ones are
started; where there is no PostgreSQL or Redis to start, the tests that need it are skipped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from musekit.kernel.host import Host
    from musekit.kernel.settings import CoreSettings

#: Password of every user made by `make_user`.
PASSWORD = "correct horse battery staple"  # noqa: S105 - of users of throw-away databases


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """A user who is signed in."""

    user_id: UUID
    space_id: UUID
    email: str
    password: str
    token: str  #: a personal API token with all the user's rights
    client: TestClient  #: a browser: it carries the session cookie

    @property
    def headers(self) -> dict[str, str]:
        """Headers that authorise a request by the token."""
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture(scope="session")
def postgres_admin_url() -> Iterator[str]:
    """URL of the superuser of a PostgreSQL server; make databases of your own in it."""
    given = os.environ.get("MUSEKIT_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    from musekit.testing import servers

    try:
        with servers.postgres() as url:
            yield url
    except servers.ServerMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """URL of a Redis server, shared by the tests of a run: use key names of your own."""
    given = os.environ.get("MUSEKIT_TEST_REDIS_URL")
    if given:
        yield given
        return
    from musekit.testing import servers

    try:
        with servers.redis() as url:
            yield url
    except servers.ServerMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["sqlite", "postgres"])
def backend(request: pytest.FixtureRequest) -> str:
    """The database under test; whoever asks for it, or for what needs it, runs on both."""
    name: str = request.param
    return name


@pytest.fixture
def settings(
    backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[CoreSettings]:
    """Settings of a fresh, migrated database and an empty data directory, in test mode."""
    from musekit.testing import databases

    data_dir = tmp_path / "data"
    data_dir.mkdir()
    if backend == "sqlite":
        yield databases.provision_sqlite(data_dir / "musekit.db").settings(data_dir)
        return
    admin_url = request.getfixturevalue("postgres_admin_url")
    name = f"musekit_test_{uuid4().hex[:16]}"
    try:
        yield databases.provision(admin_url, name).settings(data_dir)
    finally:
        databases.drop(admin_url, name)


@pytest.fixture
def host(settings: CoreSettings) -> Iterator[Host]:
    """A host of all installed plugins. A plugin at fault fails the test."""
    from musekit.kernel.build import build_host

    built = build_host(settings, strict=True)
    yield built
    built.close()


@pytest.fixture
def app(host: Host) -> FastAPI:
    """The web application of `host`."""
    from musekit.kernel.app import create_app

    return create_app(host)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A visitor's browser; the application's lifespan lasts as long as the test."""
    from starlette.testclient import TestClient

    with TestClient(app) as browser:
        yield browser


@pytest.fixture
def make_user(app: FastAPI, client: TestClient) -> Callable[..., SignedIn]:
    """Make users by ``make_user(email=…)``, each with a browser and an API token."""

    def make(email: str = "") -> SignedIn:
        return sign_in(app, email or f"user-{uuid4().hex[:8]}@example.com", client)

    return make


def sign_in(app: FastAPI, email: str, beside: TestClient | None = None) -> SignedIn:
    """Create a user with a personal space, a token and a signed-in browser.

    Args:
        beside: a browser whose event loop, as long as it runs, serves the new one, too: a loop and
            a thread of its own for every request would take longer than most requests.
    """
    from starlette.testclient import TestClient

    from musekit.auth import service
    from musekit.kernel.actors import Actor

    host: Host = app.state.host
    with host.database.session(Actor.system("tests")) as session:
        user, space = service.sign_up(session, email, PASSWORD)
        session.flush()
        user_id, space_id = user.id, space.id
        scopes = sorted(host.registry.permissions_of("owner")) or ["*"]  # of the core alone: none
        _, token = service.create_token(session, user_id, space_id, "tests", scopes)
    host.registry.hooks.on_user_created(host=host, user_id=user_id, space_id=space_id)
    browser = TestClient(app)
    browser.portal = beside.portal if beside is not None else None
    answer = browser.post("/api/auth/sign-in", json={"email": email, "password": PASSWORD})
    assert answer.status_code < 300, answer.text
    return SignedIn(
        user_id=user_id, space_id=space_id, email=email, password=PASSWORD, token=token,
        client=browser,
    )  # fmt: skip
