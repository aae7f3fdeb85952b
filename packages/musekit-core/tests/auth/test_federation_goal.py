"""Coming back from a provider leads nowhere but here, whatever was written into addresses (D13)."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from tests.support import evil_oidc
from tests.support.evil_oidc import Evil, way_back

from musekit.kernel.app import create_app
from musekit.kernel.host import Host
from musekit.kernel.settings import CoreSettings

from .federated import Browser, host_with

AWAY = "evil.example"
#: Where somebody may be led who comes back: each is a way that browsers read as another site, or
#: that careless checks do.
GOALS = [
    f"https://{AWAY}", f"http://{AWAY}", f"HTTPS://{AWAY}", f"//{AWAY}", f"///{AWAY}",
    f"////{AWAY}", f"/\\{AWAY}", f"\\/{AWAY}", f"\\\\{AWAY}", f"/\\/{AWAY}", f"//\\{AWAY}",
    f"/\\\\{AWAY}",
    f"https:{AWAY}", f"https:/{AWAY}", f"https:///{AWAY}", f"https:\\\\{AWAY}", f"http:{AWAY}",
    f"/\t/{AWAY}", f"\t//{AWAY}", f"/\n/{AWAY}", f"\n//{AWAY}", f"/\r/{AWAY}", f"\r\n//{AWAY}",
    f" //{AWAY}", f"/ /{AWAY}", f"\x00//{AWAY}", f"/\x00/{AWAY}", f"\x01//{AWAY}", f"\x1f//{AWAY}",
    f"/\x7f/{AWAY}", f"\u00a0//{AWAY}", f"\u2028//{AWAY}", f"//{AWAY}/%2f..", f"//{AWAY}%2f..",
    f"//{AWAY}:80", f"//user@{AWAY}", f"//localhost@{AWAY}", f"//127.0.0.1:8000@{AWAY}",
    f"//{AWAY}#@127.0.0.1", f"//{AWAY}?x=127.0.0.1", "//[::1]", "//[::ffff:1.2.3.4]", "//0", "//",
    "///", "/\\", "\\", f"@{AWAY}", AWAY, f"{AWAY}/dashboard", f".{AWAY}", f"?next=//{AWAY}",
    f"#//{AWAY}", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)",
    " javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x",
    f"ftp://{AWAY}", f"blob:https://{AWAY}/1", f"view-source:https://{AWAY}", "about:blank",
    "/\r\nSet-Cookie: musekit_session=planted", f"/\r\nLocation: https://{AWAY}",
]  # fmt: skip
#: Pages of ours, which are kept.
OURS = ["/account", "/account/security?x=1", "/dashboard?from=//elsewhere", "/account/tokens#new"]


@pytest.fixture(params=["sqlite"])
def backend(request: pytest.FixtureRequest) -> str:
    """Addresses are judged before the database is asked."""
    return str(request.param)


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


def led(app: FastAPI, host: Host, client: TestClient, evil: Evil, goal: str, **more: str) -> str:
    """Come in with such a goal; return where that leads."""
    host.limits.memory.forget()
    browser = Browser.new(app, evil)
    browser.client.portal = client.portal
    said = evil.agree(browser.begin(next=goal), "ada", "ada@example.org")
    answer = browser.client.get(way_back("one", said, **more))
    assert answer.status_code == 303, answer.text
    assert browser.email == "ada@example.org"
    assert "planted" not in str(answer.headers)
    return str(answer.headers["location"])


def test_it_leads_here(
    app: FastAPI, host: Host, client: TestClient, evils: tuple[Evil, Evil]
) -> None:
    away = {goal: led(app, host, client, evils[0], goal) for goal in GOALS}
    print(f"{len(GOALS)} addresses, {sum(each != '/dashboard' for each in away.values())} followed")
    assert len(set(GOALS)) >= 60
    assert {goal: to for goal, to in away.items() if to != "/dashboard"} == {}
    for goal in OURS:
        assert led(app, host, client, evils[0], goal) == goal


def test_what_the_provider_adds_leads_nowhere(
    app: FastAPI, host: Host, client: TestClient, evils: tuple[Evil, Evil]
) -> None:
    for name in ("next", "redirect", "redirect_uri", "return_to", "url", "to"):
        led_to = led(app, host, client, evils[0], "/account", **{name: f"https://{AWAY}"})
        assert led_to == "/account", name


def test_one_way_back_for_each_provider(
    app: FastAPI, host: Host, client: TestClient, evils: tuple[Evil, Evil]
) -> None:
    """Fixed by our settings: neither the query nor the Host of a request moves it."""
    found = set()
    for key in ("one", "two", "github"):
        for headers in ({}, {"x-forwarded-host": AWAY}, {"x-forwarded-proto": "ftp"}):
            browser = Browser.new(app, evils[0])
            asked = {"redirect_uri": f"https://{AWAY}", "next": "/account"}
            went = browser.client.get(f"/sign-in/with/{key}", params=asked, headers=headers)
            query = parse_qs(urlsplit(str(went.headers["location"])).query)
            found.add((key, *query["redirect_uri"]))
    assert found == {
        (key, f"{host.settings.public_url}/sign-in/return/{key}")
        for key in ("one", "two", "github")
    }
