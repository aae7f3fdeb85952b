"""The whole host with all installed plugins, on both databases."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from musekit import hookspecs
from musekit.api import Actor, Health, HealthCheck, Host
from musekit.kernel.health import examine
from musekit.kernel.registry import Contribution
from musekit.kernel.web.routes import table
from musekit.testing.pytest_plugin import SignedIn


def test_it_is_up_and_ready(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    answer = client.get("/readyz")
    report = answer.json()
    assert answer.status_code == 200
    assert report["checks"]["database"] == "ok"
    assert report["plugins"]["musekit"]
    assert report["held"] == {}


def test_a_user_of_the_fixtures_is_signed_in_both_ways(
    client: TestClient, make_user: Callable[..., SignedIn]
) -> None:
    ana, ben = make_user("ana@example.com"), make_user()
    assert client.get("/api/auth/me").status_code == 401
    assert "ana@example.com" in ana.client.get("/api/auth/me").text
    assert "ana@example.com" in client.get("/api/auth/me", headers=ana.headers).text
    assert ben.email in ben.client.get("/api/auth/me").text
    assert ana.space_id != ben.space_id


def test_the_database_going_away_is_told_and_survived(host: Host, client: TestClient) -> None:
    class Away:
        def connect(self) -> None:
            raise OSError("connection refused to secret-host")

    real, host.database.application = host.database.application, Away()  # type: ignore[assignment]
    try:
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["status"] == "fail"
        assert "secret-host" not in answer.text
        assert client.get("/healthz").status_code == 200
    finally:
        host.database.application = real


@pytest.mark.parametrize("backend", ["sqlite"])
def test_plugins_checks_are_shown_and_their_faults_contained(host: Host) -> None:
    def broken(host: Host) -> Health:
        raise ZeroDivisionError

    name = host.registry.plugins[-1].name
    host.registry.frozen = False
    host.registry.accept(
        name,
        Contribution(
            items={
                "health_checks": [
                    HealthCheck(name="odd", check=broken),
                    HealthCheck(
                        name="fine", check=lambda host: Health(status="warn", advice="Look")
                    ),
                ]
            },
            claims={"check odd", "check fine"},
        ),
    )
    found = {each.name: each for each in examine(host)}
    assert (found["odd"].status, found["odd"].plugin) == ("fail", name)
    assert (found["fine"].status, found["fine"].advice) == ("warn", "Look")


@pytest.mark.parametrize("backend", ["sqlite"])
def test_every_route_states_its_rule_and_is_in_the_api_document(app: FastAPI) -> None:
    rows = list(table(app))
    unruled = [row for row in rows if row[2] == "host"]
    assert {path for _, path, *_ in unruled} <= {
        "/healthz", "/readyz", "/openapi.json", "/-/static/{package}/{path:path}",
    }  # fmt: skip
    document = app.openapi()
    documented = {
        (method.upper(), path) for path, each in document["paths"].items() for method in each
    }
    assert {(m, p) for m, p, *_ in rows if p.startswith("/api/")} <= documented
    names = [one["operationId"] for each in document["paths"].values() for one in each.values()]
    assert len(names) == len(set(names))
    for path, each in document["paths"].items():
        for method, operation in each.items():
            assert operation.get("tags"), f"{method} {path} has no tag"
            assert {"400", "401", "403", "404", "409", "413", "422", "429"} <= set(
                operation["responses"]
            )
            schema = operation["responses"]["422"]["content"]
            assert list(schema) == ["application/problem+json"], f"{method} {path}"
    by_secret = {(method, path) for method, path, rule, _ in rows if rule.startswith("secret")}
    for path, each in document["paths"].items():
        for method, operation in each.items():
            headers = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "header"]
            unsafe = method != "get" and (method.upper(), path) not in by_secret
            assert headers.count("Idempotency-Key") == unsafe, f"{method} {path}"


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.workspace
def test_every_hook_is_documented_and_used_by_a_plugin(host: Host) -> None:
    names = [name for name in vars(hookspecs) if name.startswith("musekit_")]
    unused = []
    for name in names:
        assert (getattr(hookspecs, name).__doc__ or "").strip(), name
        if name != "musekit_addhooks" and not host.registry.hooks.implementations(name):
            unused.append(name)
    assert unused == []


@pytest.mark.parametrize("backend", ["sqlite"])
def test_the_system_sees_what_it_must(host: Host) -> None:
    with host.database.session(Actor.system("tests"), readonly=True) as session:
        assert session.info
