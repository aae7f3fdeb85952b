"""Coming in by a provider, too, gives a secret of one's own, whatever was planted before (D15)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from tests.support import evil_oidc
from tests.support.evil_oidc import Evil, Lies, way_back

from musekit.kernel.host import Host
from musekit.kernel.settings import CoreSettings
from musekit.testing.pytest_plugin import SignedIn

from .federated import Browser, host_with

COOKIE = "musekit_session"
VICTIM = "victim@example.org"
MakeUser = Callable[..., SignedIn]


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
    for each in evils:
        each.lies = Lies()


def is_in(app: FastAPI, secret: str) -> str:
    """Who a cookie belongs to; empty for nobody."""
    other = TestClient(app, cookies={COOKIE: secret})
    answer = other.get("/api/auth/me")
    return str(answer.json()["user"]["email"]) if answer.is_success else ""


def plant(browser: Browser, secret: str) -> None:
    browser.client.cookies.delete(COOKIE)
    browser.client.cookies.set(COOKIE, secret)


def secret_in(answer: Any) -> str:
    return str(answer.cookies.get(COOKIE) or "")


@pytest.mark.parametrize("when", ["before", "on the way"])
def test_an_invented_secret_is_nobodys(
    app: FastAPI, evils: tuple[Evil, Evil], when: str, client: TestClient
) -> None:
    browser, planted = Browser.new(app, evils[0]), "A" * 43
    if when == "before":
        plant(browser, planted)
    said = browser.said("victim", VICTIM)
    if when == "on the way":
        plant(browser, planted)
    given = secret_in(browser.client.get(way_back("one", said)))
    assert given
    assert given != planted
    assert (is_in(app, given), is_in(app, planted)) == (VICTIM, "")


def test_the_attackers_session_does_not_become_the_victims(
    app: FastAPI, evils: tuple[Evil, Evil], make_user: MakeUser
) -> None:
    """Planted while the victim is at the provider."""
    evil = make_user("evil@example.com")
    planted = str(evil.client.cookies[COOKIE])
    browser = Browser.new(app, evils[0])
    said = browser.said("victim", VICTIM)
    plant(browser, planted)
    given = secret_in(browser.client.get(way_back("one", said)))
    assert given != planted
    assert is_in(app, planted) in ("", "evil@example.com")
    if given:
        assert is_in(app, given) == VICTIM


def test_a_later_sign_in_has_another_secret(app: FastAPI, evils: tuple[Evil, Evil]) -> None:
    secrets = []
    for _ in range(3):
        browser = Browser.new(app, evils[0])
        secrets.append(secret_in(browser.come("victim", VICTIM)))
    assert len(set(secrets)) == 3
    assert {is_in(app, each) for each in secrets} == {VICTIM}
