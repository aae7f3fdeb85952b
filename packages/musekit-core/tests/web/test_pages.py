"""Every page: headers, policy, sizes, escaping, and where it sends people."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from musekit.kernel.web.access import access_of, public
from musekit.kernel.web.pages import safe_next
from musekit.testing.pytest_plugin import SignedIn

HTML = {"accept": "text/html"}
EVIL_NEXT = [
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "/\t/evil.example",
    "\t//evil.example",
    "/\n/evil.example",
    " //evil.example",
    "/ /evil.example",
    "//evil.example/%2f..",
    "https:/evil.example",
    "/\r\nSet-Cookie: a=b",
    "evil.example",
    "@evil.example",
    "?next=//evil.example",
    "#//evil.example",
    "/\x00/evil.example",
    "\x01//evil.example",
    "/x\\..\\evil",
    "//%5cevil.example",
    "ftp://evil.example",
    "//evil.example:80",
    "//user@evil.example",
    "//[::1]",
    "/\x7f/evil.example",
    "///",
    "//",
    "/\\",
]
EVIL_NAMES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "{{ 7*7 }}",
    "{% raw %}",
    "${7*7}",
    "</title><script>alert(1)</script>",
    "javascript:alert(1)",
    "<!--",
    "]]>",
    "&lt;script&gt;",
    '" autofocus onfocus=alert(1) x="',
    "<a href='//x'>",
    "%3Cscript%3E",
]


def pages(app: FastAPI) -> Iterator[str]:
    for context in iter_route_contexts(app.router.routes):
        if access_of(context) is None or "GET" not in (context.methods or ()):
            continue
        if "{" not in context.path and not context.path.startswith("/api/"):
            yield context.path


def test_every_page_and_error_carries_the_headers(
    app: FastAPI, client: TestClient, make_user: Callable[..., SignedIn]
) -> None:
    user = make_user()
    for path in [
        *pages(app),
        "/no/such/page",
        "/api/no/such",
        "/api/auth/me",
        "/-/static/musekit/x",
    ]:
        for browser in (client, user.client):
            answer = browser.get(path, headers=HTML, follow_redirects=False)
            policy = answer.headers["content-security-policy"]
            assert "unsafe" not in policy
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "same-origin"
            assert "cache-control" in answer.headers
            if "text/html" in answer.headers.get("content-type", ""):
                assert not re.search(r"\son[a-z]+=|\sstyle=|<style|javascript:", answer.text), path
                assert not re.search(r"<script(?![^>]*\ssrc=)", answer.text), path
                assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text), path


def test_a_fault_of_ours_still_carries_them(app: FastAPI) -> None:
    @app.get("/broken")
    def broken(actor: Annotated[Any, public()]) -> None:
        raise RuntimeError("canary-of-the-inside")

    with TestClient(app, raise_server_exceptions=False) as browser:
        answer = browser.get("/broken", headers=HTML)
    assert answer.status_code == 500
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "canary" not in answer.text
    assert "<h1>" in answer.text


def test_pages_stay_small(app: FastAPI, make_user: Callable[..., SignedIn]) -> None:
    user = make_user()
    for path in pages(app):
        answer = user.client.get(path, headers={**HTML, "accept-encoding": "identity"})
        assert len(gzip.compress(answer.content, 5)) <= 25_000, path
        css = js = 0
        for url in re.findall(r'(?:href|src)="(/-/static/[^"]+\.(?:css|js)\?v=\w+)"', answer.text):
            size = int(
                user.client.get(url, headers={"accept-encoding": "gzip"}).headers["content-length"]
            )
            css, js = css + size * url.count(".css"), js + size * url.count(".js")
        assert css <= 35_000
        assert js <= 60_000


def test_visitors_are_sent_to_sign_in_and_back(app: FastAPI, client: TestClient) -> None:
    seen = 0
    for path in pages(app):
        answer = client.get(path, headers=HTML, follow_redirects=False)
        if answer.status_code != 303 or path.startswith("/sign-in/"):  # half-way in, of no flow
            continue
        seen += 1
        target = urlsplit(answer.headers["location"])
        assert target.path == "/sign-in"
        assert parse_qs(target.query)["next"] == [path]
    assert seen >= 4


def test_after_sign_in_one_is_where_one_wanted_to_be(
    client: TestClient, make_user: Callable[..., SignedIn]
) -> None:
    user = make_user()
    form = {"email": user.email, "password": user.password, "next": "/account/tokens?x=1"}
    answer = client.post("/sign-in", data=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/tokens?x=1")


@pytest.mark.parametrize("target", EVIL_NEXT)
def test_next_never_leads_away(target: str) -> None:
    assert safe_next(target) == "/dashboard"
    assert safe_next(target, "") == ""


@pytest.mark.parametrize("backend", ["sqlite"])
def test_next_never_leads_away_over_http(
    client: TestClient, make_user: Callable[..., SignedIn], backend: str
) -> None:
    user = make_user()
    for target in EVIL_NEXT:
        page = client.get("/sign-in", params={"next": target})
        assert 'name="next" value=""' in page.text
        answer = client.post(
            "/sign-in", follow_redirects=False,
            data={"email": user.email, "password": user.password, "next": target},
        )  # fmt: skip
        assert answer.headers["location"] == "/dashboard", target
        client.cookies.clear()


@pytest.mark.parametrize("backend", ["sqlite"])
def test_names_are_text_and_never_markup(
    make_user: Callable[..., SignedIn], app: FastAPI, backend: str
) -> None:
    user = make_user()
    token = re.search(r'name="csrf_token" value="([^"]+)"', user.client.get("/account").text)
    assert token
    for name in EVIL_NAMES:
        saved = user.client.post(
            "/account", data={"csrf_token": token[1], "name": name, "timezone": "UTC"},
            follow_redirects=False,
        )  # fmt: skip
        assert saved.status_code == 303, (name, saved.text)
        user.client.post(
            "/account/tokens", data={"csrf_token": token[1], "name": name, "scopes": "*"}
        )
        for path in pages(app):
            text = user.client.get(path, headers=HTML).text
            assert not re.search(r"<script(?![^>]*\ssrc=)|<img src=x|<svg/onload", text), (
                path,
                name,
            )
            assert "49" not in re.findall(r'value="(49)"', text)
            if name not in text:
                assert "alert(1)>" not in text


def test_wrong_input_comes_back_with_the_form(client: TestClient) -> None:
    answer = client.post(
        "/sign-up", data={"email": "<b>nobody", "password": "12345678", "name": "Ada"}
    )
    assert answer.status_code == 422
    assert 'value="Ada"' in answer.text
    assert "&lt;b&gt;nobody" in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "12345678" not in answer.text, "a password is never sent back"


def test_flash_messages_are_shown_once(make_user: Callable[..., SignedIn]) -> None:
    user = make_user()
    page = user.client.get("/account").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    saved = user.client.post(
        "/account", data={"csrf_token": token[1], "name": "A", "timezone": "UTC"}
    )
    assert "Your account is saved." in saved.text
    assert "Your account is saved." not in user.client.get("/account").text


def test_a_forged_flash_message_is_not_shown(client: TestClient) -> None:
    client.cookies.set("musekit_flash", "W1siaW5mbyIsICJTZW5kIG1vbmV5Il1d.00")
    assert "Send money" not in client.get("/sign-in").text


def test_htmx_follows_redirects_as_a_whole_page(make_user: Callable[..., SignedIn]) -> None:
    user = make_user()
    page = user.client.get("/account").text
    token = re.search(r'"X-CSRF-Token": "([^"]+)"', page)
    assert token
    answer = user.client.post(
        "/account", data={"name": "A", "timezone": "UTC"}, follow_redirects=False,
        headers={"hx-request": "true", "x-csrf-token": token[1]},
    )  # fmt: skip
    assert answer.status_code == 200
    assert answer.headers["hx-redirect"] == "/account"
    assert "location" not in answer.headers


def test_signed_in_pages_are_not_kept_by_the_browser(make_user: Callable[..., SignedIn]) -> None:
    assert make_user().client.get("/account").headers["cache-control"] == "no-store"


def test_a_new_token_is_shown_once(make_user: Callable[..., SignedIn]) -> None:
    user = make_user()
    token = re.search(r'name="csrf_token" value="([^"]+)"', user.client.get("/account").text)
    assert token
    made = user.client.post(
        "/account/tokens", data={"csrf_token": token[1], "name": "n", "scopes": "*", "days": "30"}
    )
    secret = re.search(r"mk_live_\w{47}", made.text)
    assert secret
    assert made.headers["cache-control"] == "no-store"
    assert secret[0] not in user.client.get("/account/tokens").text
    answer = TestClient(user.client.app).get(
        "/api/auth/me", headers={"authorization": f"Bearer {secret[0]}"}
    )
    assert answer.status_code == 200
