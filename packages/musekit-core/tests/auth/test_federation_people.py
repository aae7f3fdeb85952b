"""Somebody who comes by another service: once, in two tabs, closed, and with one way in alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from starlette.testclient import TestClient
from tests.support import evil_oidc
from tests.support.evil_oidc import Evil, way_back

from musekit.auth import accounts
from musekit.auth.federation import flows
from musekit.auth.federation.models import SignInFlow
from musekit.auth.models import User
from musekit.kernel.app import create_app
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.settings import CoreSettings

from .federated import SYSTEM, Browser, host_with, links

COOKIE = f"musekit_{flows.COOKIE}"


@pytest.fixture(scope="module")
def evils() -> Iterator[tuple[Evil, Evil]]:
    with evil_oidc.running() as one, evil_oidc.running() as two:
        yield one, two


@pytest.fixture
def host(
    settings: CoreSettings, evils: tuple[Evil, Evil], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Host]:
    with host_with(settings, monkeypatch, *evils) as built:
        yield built


@pytest.fixture
def app(host: Host) -> FastAPI:
    return create_app(host)


@pytest.fixture
def visitor(app: FastAPI, client: TestClient, evils: tuple[Evil, Evil]) -> Browser:
    made = Browser.new(app, evils[0])
    made.client.portal = client.portal
    return made


def test_a_closed_account_stays_closed(visitor: Browser, host: Host) -> None:
    visitor.come("ada")
    assert visitor.email == "ada@example.org"
    with host.database.session(SYSTEM) as session:
        session.execute(update(User).values(disabled_at=utc_now()))
    assert visitor.email == ""
    answer = visitor.come("ada")
    assert answer.headers["location"].startswith("/sign-in")
    assert visitor.email == ""


def test_one_of_many_at_once_takes_a_flow(visitor: Browser, app: FastAPI) -> None:
    said = visitor.said("crowd")
    cookie, gate = str(visitor.client.cookies[COOKIE]), threading.Barrier(8)
    came: list[str] = []

    def come() -> None:
        browser = Browser.new(app, visitor.evil)
        browser.client.portal = visitor.client.portal
        browser.client.cookies.set(COOKIE, cookie)
        gate.wait()
        browser.client.get(way_back("one", said))
        came.append(browser.email)

    threads = [threading.Thread(target=come) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert sorted(came) == [""] * 7 + ["crowd@example.org"]


def test_two_tabs_of_somebody_new_make_one_account(visitor: Browser, host: Host) -> None:
    for said in [visitor.said("tabs") for _ in range(2)]:
        assert visitor.client.get(way_back("one", said)).headers["location"] == "/dashboard"
        assert visitor.email == "tabs@example.org"
    assert len(links(host)) == 1


def test_the_last_way_in_stays(visitor: Browser, host: Host) -> None:
    visitor.come("only")
    (mine,) = visitor.client.get("/api/auth/identities").json()["items"]
    refused = visitor.client.delete(f"/api/auth/identities/{mine['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    with host.database.session(SYSTEM) as session:
        user = accounts.find_by_email(session, "only@example.org")
        assert user is not None
        user.password_hash = "x"
    assert visitor.client.delete(f"/api/auth/identities/{mine['id']}").status_code == 204
    assert visitor.client.get("/api/auth/identities").json()["items"] == []


def test_what_is_stored_of_a_flow_opens_nothing(visitor: Browser, host: Host) -> None:
    """Who reads the database has neither state, cookie, nonce nor verifier."""
    said = visitor.said("mallory")
    cookie = str(visitor.client.cookies[COOKIE])
    with host.database.session(SYSTEM, readonly=True) as session:
        (row,) = session.scalars(select(SignInFlow)).all()
        kept = repr(vars(row))
    nonce = visitor.evil.codes[said["code"]][0]["nonce"]
    for secret in (said["state"], cookie, nonce):
        assert secret not in kept
