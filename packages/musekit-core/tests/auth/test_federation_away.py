"""A provider that hangs, breaks or talks nonsense: said to the person, and nobody else waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.testclient import TestClient
from tests.support import evil_oidc
from tests.support.evil_oidc import Evil, Lies, way_back

from musekit.auth.federation import discovery, github, oidc
from musekit.kernel.app import create_app
from musekit.kernel.host import Host
from musekit.kernel.settings import CoreSettings
from musekit.testing.pytest_plugin import PASSWORD

from .federated import Browser, host_with, links

#: Seconds that are waited for a provider, here.
PATIENCE = 0.4
DISCOVERY = "/.well-known/openid-configuration"
SERVED = {
    "one": [DISCOVERY, "/keys", "/token", "/userinfo"],
    "github": ["/login/oauth/access_token", "/user", "/user/emails"],
}
Evils = tuple[Evil, Evil]


@pytest.fixture(scope="module")
def evils() -> Iterator[Evils]:
    with evil_oidc.running() as one, evil_oidc.running() as two:
        yield one, two


@pytest.fixture
def evil(evils: Evils) -> Iterator[Evil]:
    yield evils[0]
    evils[0].lies = Lies()


@pytest.fixture
def host(settings: CoreSettings, evils: Evils, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    for module in (discovery, oidc, github):
        monkeypatch.setattr(module, "TIMEOUT", PATIENCE)
    with host_with(settings, monkeypatch, *evils) as built:
        yield built


@pytest.fixture
def app(host: Host) -> FastAPI:
    return create_app(host)


ENOUGH = threading.Event()


async def hangs() -> Response:
    while not ENOUGH.is_set():
        await asyncio.sleep(0.05)
    return PlainTextResponse("late")


def answers(make: Callable[[], Response]) -> evil_oidc.Trouble:
    async def answer() -> Response:
        return make()

    return answer


TROUBLES: dict[str, evil_oidc.Trouble] = {
    "hangs": hangs,
    "is broken": answers(lambda: PlainTextResponse("oops", 500)),
    "is busy": answers(lambda: PlainTextResponse("wait", 503, {"retry-after": "1"})),
    "says HTML": answers(lambda: Response("<html>", 200, media_type="text/html")),
    "says JSON that ends": answers(lambda: Response('{"a":', media_type="application/json")),
    "says very much": answers(lambda: PlainTextResponse("x" * 600_000)),
    "says nothing": answers(lambda: Response(b"", 200)),
    "leads elsewhere": answers(lambda: RedirectResponse("/elsewhere", 307)),
}


def come(app: FastAPI, client: TestClient, evil: Evil, key: str) -> tuple[Browser, str]:
    """Try to come in; return the browser and what it is told."""
    browser = Browser.new(app, evil)
    browser.client.portal = client.portal
    going = str(browser.client.get(f"/sign-in/with/{key}").headers["location"])
    if going.startswith("http"):
        subject: Any = 5 if key == "github" else "ada"
        said = evil.agree(going, subject, "ada@example.org", email_verified=None)
        going = str(browser.client.get(way_back(key, said)).headers["location"])
    told = browser.client.get("/sign-in").text if going.startswith("/sign-in") else going
    return browser, told


@pytest.mark.parametrize("key", SERVED)
def test_the_person_is_told(
    app: FastAPI,
    host: Host,
    evil: Evil,
    client: TestClient,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    way: Any = host.registry.identity_providers[key]
    for path in SERVED[key]:
        for name, trouble in TROUBLES.items():
            if key == "one":
                way._discovery = discovery.Discovery(way.label, way.issuer)
            evil.lies = Lies(troubles={path: trouble})
            ENOUGH.clear()
            browser, told = come(app, client, evil, key)  # and not when it has had enough
            ENOUGH.set()
            assert browser.email == "", (path, name)
            assert f"{way.label} does not answer as it should" in told or (
                f"{way.label} did not prove who you are" in told
            ), (path, name)
            assert links(host) == set()
    evil.lies = Lies()
    monkeypatch.undo()
    if key == "one":
        way._discovery = discovery.Discovery(way.label, way.issuer)
    browser, told = come(app, client, evil, key)
    assert (browser.email, told) == ("ada@example.org", "/dashboard")


def test_nothing_is_held_while_a_provider_is_waited_for(
    app: FastAPI, evil: Evil, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No unit of work is open meanwhile: others write, on SQLite, too, which has one writer."""
    monkeypatch.setattr(oidc, "TIMEOUT", 60.0)
    asked, go_on = threading.Event(), threading.Event()

    async def waits() -> Response:
        asked.set()
        await asyncio.to_thread(go_on.wait, 60)
        return PlainTextResponse("oops", 500)

    evil.lies = Lies(troubles={"/token": waits})
    told: list[str] = []
    thread = threading.Thread(target=lambda: told.append(come(app, client, evil, "one")[1]))
    thread.start()
    try:
        assert asked.wait(30)
        other = TestClient(app)
        other.portal = client.portal
        body = {"email": "other@example.org", "password": PASSWORD}
        assert other.post("/api/auth/sign-up", json=body).is_success
        assert not told
    finally:
        go_on.set()
        thread.join(60)
    assert "does not answer as it should" in told[0]
