"""Access rules: who is let through, and that no route goes without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from uuid import uuid4

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.web import problems
from musekit.kernel.web.access import (
    AccessRule,
    access_of,
    operator_only,
    public,
    requires,
    routes_without_rule,
    secret_only,
    signed_in,
)
from musekit.testing.pytest_plugin import SignedIn

SECRET = "s" * 40


class _Secret:
    def get_secret_value(self) -> str:
        return SECRET


class _Settings:
    public_url = "http://testserver"
    cron_secret: Any = _Secret()


class _Hooks:
    asked = 0

    def resolve_actor(self, *, request: Any, host: Any) -> Actor | None:
        self.asked += 1
        who = request.headers.get("x-test-actor")
        if who is None:
            return None
        return Actor(
            kind="user" if who == "browser" else "token",
            session_id=uuid4() if who == "browser" else None,
            name="test",
            user_id=uuid4(),
            space_id=uuid4(),
            permissions=frozenset({"things.read"}) if who != "none" else frozenset(),
            is_operator=who == "operator",
        )


router = APIRouter()


@router.get("/read")
def read(actor: Annotated[Actor, requires("things.read")]) -> str:
    return actor.kind


@router.get("/in")
def signed(actor: Annotated[Actor, signed_in()]) -> str:
    return actor.kind


@router.get("/browser")
def browser(actor: Annotated[Actor, signed_in(browser=True)]) -> str:
    return actor.kind


@router.get("/open")
def everybody(actor: Annotated[Actor | None, public()]) -> str:
    return "anonymous" if actor is None else actor.kind


@router.get("/ops")
def ops(actor: Annotated[Actor, operator_only()]) -> str:
    return actor.kind


@router.get("/cron")
def cron(actor: Annotated[Actor, secret_only("cron")]) -> str:
    return actor.name


@router.post("/hook")
def hook(actor: Annotated[Actor | None, public(cross_site=True)]) -> str:
    return "taken"


@router.post("/closed")
def closed(actor: Annotated[Actor | None, public()]) -> str:
    return "taken"


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    registry = type("R", (), {"hooks": _Hooks()})()
    host = Host(
        settings=_Settings(),
        database=None,
        keyring=None,
        broker=None,
        outbound=None,
        portal=None,
        registry=registry,
    )  # type: ignore[arg-type]
    app.state.host = host
    problems.install(app)
    app.include_router(router, prefix="/api")
    return TestClient(app)


@pytest.mark.parametrize(
    ("path", "who", "status"),
    [
        ("/read", None, 401), ("/read", "yes", 200), ("/read", "none", 403),
        ("/in", None, 401), ("/in", "none", 200), ("/browser", "yes", 403),
        ("/open", None, 200), ("/open", "yes", 200),
        ("/ops", "yes", 403), ("/ops", "operator", 200), ("/ops", None, 401),
    ],
)  # fmt: skip
def test_rules(client: TestClient, path: str, who: str | None, status: int) -> None:
    headers = {"x-test-actor": who} if who else {}
    assert client.get(f"/api{path}", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (f"Bearer {SECRET}", 200), (f"bearer {SECRET}", 200), (None, 401), ("", 401),
        (f"Bearer {SECRET[:-1]}", 401), (f"Bearer {SECRET}x", 401), ("Bearer " + "s" * 5000, 401),
        (f"Basic {SECRET}", 401), (SECRET, 401), ("Bearer ", 401), ("Bearer §", 401),
    ],
)  # fmt: skip
def test_secret(client: TestClient, sent: str | None, status: int) -> None:
    headers = {} if sent is None else {"authorization": sent.encode()}
    assert client.get("/api/cron", headers=headers).status_code == status


@pytest.mark.parametrize("secret", [None, "", "short", "x" * 31])
def test_unset_or_short_secret_is_no_page(client: TestClient, secret: str | None) -> None:
    class Short(_Settings):
        cron_secret = None if secret is None else type("S", (), {
            "get_secret_value": lambda self: secret})()  # fmt: skip

    client.app.state.host.settings = Short()  # type: ignore[attr-defined]
    for sent in ("Bearer ", f"Bearer {secret}", f"Bearer {SECRET}"):
        assert client.get("/api/cron", headers={"authorization": sent}).status_code == 404


def test_the_secret_route_asks_no_plugin(client: TestClient) -> None:
    client.get("/api/cron", headers={"x-test-actor": "operator"})
    assert client.app.state.host.registry.hooks.asked == 0  # type: ignore[attr-defined]


def test_the_actor_is_resolved_once_per_request(client: TestClient) -> None:
    client.get("/api/read", headers={"x-test-actor": "yes"})
    assert client.app.state.host.registry.hooks.asked == 1  # type: ignore[attr-defined]


def test_rules_are_readable_on_the_app(client: TestClient) -> None:
    found = {
        context.path: access_of(context)
        for context in iter_route_contexts(client.app.router.routes)  # type: ignore[attr-defined]
        if access_of(context)
    }
    assert found["/api/read"] == AccessRule("permission", "things.read")
    assert found["/api/cron"] == AccessRule("secret", "cron")
    assert found["/api/browser"] == AccessRule("signed_in", browser=True)
    assert len(found) == 8


def test_a_dangerous_act_is_for_the_person_in_a_browser() -> None:
    dangerous = {"browser": True, "recent": True, "in_person": True}
    assert signed_in(recent=True).dependency == AccessRule("signed_in", **dangerous)
    assert requires("x", recent=True).dependency == AccessRule("permission", "x", **dangerous)
    assert operator_only(recent=True).dependency == AccessRule("operator", **dangerous)


def test_other_sites_may_send_only_what_says_so(client: TestClient) -> None:
    """Identity providers and mail programs do; and only while nobody is signed in here."""
    elsewhere = {"origin": "https://elsewhere.example"}
    assert client.post("/api/hook", headers=elsewhere).status_code == 200
    assert client.post("/api/closed", headers=elsewhere).status_code == 403
    signed = {**elsewhere, "x-test-actor": "browser"}
    assert client.post("/api/hook", headers=signed).status_code == 403
    ours = {"origin": "http://testserver", "x-test-actor": "browser"}
    assert client.post("/api/hook", headers=ours, json={}).status_code == 200


def test_a_route_without_rule_is_named() -> None:
    bare = APIRouter()
    nested = APIRouter()

    @nested.post("/deep/{x}")
    def deep(x: int) -> int:
        return x

    bare.include_router(nested, prefix="/in")
    bare.include_router(router)
    assert routes_without_rule(bare) == ["POST /in/deep/{x}"]


def test_router_level_rules_count() -> None:
    ruled = APIRouter(dependencies=[signed_in()])

    @ruled.get("/x")
    def x() -> int:
        return 1

    outer = APIRouter()
    outer.include_router(ruled)
    assert routes_without_rule(outer) == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/api/auth/sign-out", "application/json"), ("/sign-out", "text/plain")],
)
def test_what_is_refused_for_its_size_is_not_done(
    make_user: Callable[..., SignedIn], path: str, kind: str
) -> None:
    """Also where nobody reads the body."""
    user = make_user()
    answer = user.client.post(path, content=b"x" * 200_000, headers={"content-type": kind})
    assert answer.status_code in (403, 413), answer.text
    assert user.client.get("/api/auth/me").status_code == 200
