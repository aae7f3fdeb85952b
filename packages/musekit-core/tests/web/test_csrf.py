"""Forged requests, for every unsafe route that a browser session can call (D16)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from musekit.kernel.web.access import access_of
from musekit.testing.pytest_plugin import SignedIn

HERE = "http://testserver"
FORM = "application/x-www-form-urlencoded"


def unsafe_routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    for context in iter_route_contexts(app.router.routes):
        rule = access_of(context)
        if rule is None or rule.kind == "secret":
            continue
        for method in (context.methods or set()) - {"GET", "HEAD", "OPTIONS"}:
            path = re.sub(r"\{[^}]*id[^}]*\}", "00000000-0000-0000-0000-000000000000", context.path)
            yield method, re.sub(r"\{[^}]*\}", "x", path)


def token_of(user: SignedIn) -> str:
    page = user.client.get("/account").text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


def refused(answer: Any) -> bool:
    return answer.status_code == 403 and (
        "another site" in answer.text or "earlier sign-in" in answer.text
    )


#: How a browser says that a page of another site sends the request.
ELSEWHERE = (
    {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
    {"origin": "https://evil.example"}, {"origin": "null"},
    {"origin": "http://testserver.evil.example"}, {"origin": "https://testserver:444"},
)  # fmt: skip
KINDS = (FORM, "application/json", "text/plain")


def test_every_unsafe_route_refuses_another_site(
    app: FastAPI, make_user: Callable[..., SignedIn]
) -> None:
    """Each route with each way to say so; the kinds of body by turns, so that all pairs occur."""
    user = make_user()
    routes = list(unsafe_routes(app))
    assert len(routes) >= 80
    token = token_of(user)
    for at, (method, path) in enumerate(routes):
        for n, headers in enumerate(ELSEWHERE):
            kind = KINDS[(at + n) % len(KINDS)]
            answer = user.client.request(
                method, path, headers={**headers, "content-type": kind, "x-csrf-token": token},
                content="{}",
            )  # fmt: skip
            assert refused(answer), (method, path, headers, kind, answer.status_code)
    assert user.client.get("/api/auth/me").status_code == 200, "something was carried out"


def test_every_unsafe_route_wants_the_token_with_a_form(
    app: FastAPI, make_user: Callable[..., SignedIn]
) -> None:
    user, other = make_user(), make_user()
    foreign = token_of(other)
    wrong = ("", foreign, "x", "x" * 64, "§")
    for at, (method, path) in enumerate(unsafe_routes(app)):
        for value in (*wrong[:2], wrong[2 + at % 3]):
            answer = user.client.request(
                method, path, data={"csrf_token": value},
                headers={"sec-fetch-site": "same-origin", "origin": HERE},
            )  # fmt: skip
            assert refused(answer), (method, path, value, answer.status_code)
        plain = user.client.request(
            method, path, content="a=b", headers={"content-type": "text/plain"}
        )
        assert refused(plain), (method, path)


def test_every_route_to_post_to_wants_to_know_who_sends_nothing(
    app: FastAPI, make_user: Callable[..., SignedIn]
) -> None:
    """A script of another site may post without a body, and so without a Content-Type, unasked."""
    user = make_user()
    paths = [path for method, path in unsafe_routes(app) if method == "POST"]
    assert len(paths) >= 8
    for path in paths:
        for headers in ({}, {"x-csrf-token": "x"}, {"sec-fetch-site": "cross-site"}):
            answer = user.client.post(path, headers=headers)
            assert refused(answer), (path, headers, answer.status_code)
    assert user.client.get("/api/auth/me").status_code == 200, "something was carried out"


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "same-origin"}, {"origin": HERE}, {"content-type": "application/json"}, {}],
)
def test_a_post_of_nothing_is_carried_out_when_it_is_ours(
    make_user: Callable[..., SignedIn], headers: dict[str, str]
) -> None:
    user = make_user()
    answer = user.client.post(
        "/api/auth/sign-out", headers=headers or {"x-csrf-token": token_of(user)}
    )
    assert answer.status_code < 300, answer.text
    assert user.client.get("/api/auth/me").status_code == 401


def test_the_right_token_is_taken_from_field_and_header(make_user: Callable[..., SignedIn]) -> None:
    user = make_user()
    first, second = token_of(user), token_of(user)
    assert first != second, "the token is masked, so that compression cannot leak it"
    for kwargs in (
        {"data": {"csrf_token": first, "name": "A", "timezone": "UTC"}},
        {"data": {"name": "B", "timezone": "UTC"}, "headers": {"x-csrf-token": second}},
    ):
        answer = user.client.post("/account", follow_redirects=False, **kwargs)  # type: ignore[arg-type]
        assert answer.status_code == 303, answer.text


def test_a_token_of_before_the_sign_in_is_refused(make_user: Callable[..., SignedIn]) -> None:
    user = make_user()
    old = token_of(user)
    user.client.post("/api/auth/sign-in", json={"email": user.email, "password": user.password})
    answer = user.client.post("/account", data={"csrf_token": old, "name": "A", "timezone": "UTC"})
    assert answer.status_code == 403


def test_api_tokens_need_none_of_it(client: TestClient, make_user: Callable[..., SignedIn]) -> None:
    user = make_user()
    headers = {"authorization": f"Bearer {user.token}", "origin": "https://elsewhere.example"}
    answer = client.post(
        "/api/spaces/switch", json={"space_id": str(user.space_id)}, headers=headers
    )
    assert answer.status_code == 403
    assert "API token" in answer.json()["detail"], "refused for being a token, not for the origin"


@pytest.mark.parametrize("kind", [FORM, "text/plain", "multipart/form-data; boundary=x", ""])
def test_json_routes_take_json_only(make_user: Callable[..., SignedIn], kind: str) -> None:
    user = make_user()
    body = f'{{"space_id": "{user.space_id}"}}'
    answer = user.client.post(
        "/api/spaces/switch", content=body,
        headers={"content-type": kind, "x-csrf-token": token_of(user), "origin": HERE},
    )  # fmt: skip
    assert answer.status_code in (400, 415, 422), answer.text
