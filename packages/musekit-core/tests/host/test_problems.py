"""Errors as answers: no input, no secret, no trace; always a request id."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, SecretStr, field_validator
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.testclient import TestClient

from musekit import errors
from musekit.kernel.metrics import Metrics
from musekit.kernel.web import problems
from musekit.kernel.web.requests import RequestContext, TrustedHosts

CANARY = "canary-7f3a9b-secret-value"
JSON = {"accept": "application/json"}


class Body(BaseModel):
    password: SecretStr
    count: int
    name: str = ""

    @field_validator("name")
    @classmethod
    def quote(cls, value: str) -> str:
        if value:
            raise ValueError(f"I do not like {value}")
        return value


RAISED: dict[str, errors.MuseKitError] = {
    "400": errors.MuseKitError("No."),
    "401": errors.NotSignedInError("Who?"),
    "403": errors.ForbiddenError("Not you."),
    "404": errors.NotFoundError("Nothing."),
    "409": errors.ConflictError("Busy.", headers={"Retry-After": "2"}),
    "422": errors.InvalidError("Odd.", errors=[{"field": "a", "message": "b"}]),
    "429": errors.LimitReachedError("Slow.", retry_after=7),
    "503": errors.UnavailableError("Away."),
}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app = FastAPI()
    problems.install(app)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=1000)
    app.add_middleware(TrustedHosts, names=["testserver"])
    app.add_middleware(RequestContext, metrics=Metrics())

    @app.get("/api/raise/{name}")
    def raise_(name: str) -> None:
        raise RAISED[name] if name in RAISED else RuntimeError(f"inside {CANARY}")

    @app.post("/api/larger", max_body_size=5000)
    async def larger(request: Request) -> int:
        return len(await request.body())

    @app.post("/api/body")
    def body(body: Body) -> str:
        return "ok"

    with TestClient(app, raise_server_exceptions=False, headers=JSON) as browser:
        yield browser


def check(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["request_id"] == answer.headers["x-request-id"]
    assert {"type", "title", "code", "detail"} <= document.keys()
    assert CANARY not in answer.text
    return document


@pytest.mark.parametrize("name", RAISED)
def test_business_errors_say_what_they_mean(client: TestClient, name: str) -> None:
    error = RAISED[name]
    answer = client.get(f"/api/raise/{name}")
    document = check(answer, int(name))
    assert (document["detail"], document["code"]) == (error.detail, error.code)
    for header, value in error.headers.items():
        assert answer.headers[header] == value
    if name == "422":
        assert document["errors"] == [{"field": "a", "message": "b"}]
    if name == "401":
        assert answer.headers["www-authenticate"] == "Bearer"


def test_an_unexpected_error_tells_nothing_but_the_request_id(client: TestClient) -> None:
    document = check(client.get("/api/raise/other"), 500)
    assert "RuntimeError" not in json.dumps(document)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"password": [CANARY], "count": 1}, "password"),
        ({"password": "x", "count": CANARY}, "count"),
        ({"password": "x", "count": 1, "name": CANARY}, "name"),
        ({"password": "x", "count": {"secret": CANARY}}, "count"),
        ([CANARY], "body"),
        ({"count": 1}, "password"),
    ],
)
def test_validation_names_the_field_and_never_the_value(
    client: TestClient, body: Any, field: str
) -> None:
    document = check(client.post("/api/body", json=body), 422)
    assert field in [fault["field"] for fault in document["errors"]]
    assert field in document["detail"]


def test_what_the_framework_refuses_is_a_problem_too(client: TestClient) -> None:
    assert check(client.get("/api/nothing"), 404)["code"] == "not-found"
    assert check(client.put("/api/body", json={}), 405)["code"] == "method-not-allowed"
    assert check(client.post("/api/body", content=b"x" * 1001), 413)["code"] == "too-large"
    broken = client.post(
        "/api/body", content=b'{"a":', headers={"content-type": "application/json"}
    )
    check(broken, 422)


def test_a_route_may_take_more(client: TestClient) -> None:
    assert client.post("/api/larger", content=b"x" * 5000).json() == 5000
    assert check(client.post("/api/larger", content=b"x" * 5001), 413)["code"] == "too-large"


def test_an_endless_body_is_cut_off(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(50):
            yield b'"' + b"x" * 100

    headers = {"content-type": "application/json"}
    check(client.post("/api/body", content=endless(), headers=headers), 413)


@pytest.mark.parametrize(
    ("given", "taken"),
    [("abcdef-1234", True), ("short", False), ("x" * 65, False), ("new line\tin", False)],
)
def test_a_request_id_is_taken_when_it_is_harmless(
    client: TestClient, given: str, taken: bool
) -> None:
    answer = client.get("/api/nothing", headers={"x-request-id": given})
    assert (answer.headers["x-request-id"] == given) is taken


@pytest.mark.parametrize(
    "host",
    ["evil.example", "testserver.evil.example", "evil.example:80", "", "testserver@evil.example",
     "TESTSERVER.", "127.0.0.1", "localhost", "evil.example#testserver", "testserver evil"],
)  # fmt: skip
def test_a_forged_host_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/api/raise/404", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", ["testserver", "testserver:8000", "TestServer"])
def test_our_own_names_are_served(client: TestClient, host: str) -> None:
    assert client.get("/api/raise/404", headers={"host": host}).status_code == 404


def test_the_log_line_has_the_pattern_and_not_the_path(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "musekit.request"):
        client.get(f"/api/raise/{CANARY}?token={CANARY}")
    line = next(each for each in caplog.records if each.name == "musekit.request")
    assert (line.route, line.status, line.method) == ("/api/raise/{name}", 500, "GET")  # type: ignore[attr-defined]
    assert CANARY not in str(line.__dict__)
