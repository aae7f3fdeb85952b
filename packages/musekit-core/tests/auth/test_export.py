"""All that is kept of a person, as a file: for them alone, and without any secret."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from starlette.testclient import TestClient

from musekit.audit.models import AuditEntry
from musekit.auth.models import User, UserSession
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import SignedIn

from .acting import acting

SYSTEM = Actor.system("tests")
MakeUser = Callable[..., SignedIn]


@pytest.fixture
def ada(make_user: MakeUser) -> SignedIn:
    return make_user("ada@example.com")


def test_a_file_with_what_each_plugin_keeps(host: Host, ada: SignedIn, make_user: MakeUser) -> None:
    make_user("bob@example.com")
    answer = ada.client.get("/api/auth/export")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith('attachment; filename="account-')
    assert answer.headers["cache-control"] == "no-store"
    kept = answer.json()["musekit"]
    assert kept["user"]["email"] == "ada@example.com"
    assert [each["personal"] for each in kept["spaces"]] == [True]
    assert [each["came_in_by"] for each in kept["sessions"]] == [["password"]]
    assert kept["passkeys"] == []
    assert "bob@example.com" not in answer.text
    with host.database.session(SYSTEM, readonly=True) as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "export.made")).one()
    assert entry.actor_user_id == ada.user_id


def test_no_secret_is_in_it(host: Host, ada: SignedIn) -> None:
    text = ada.client.get("/api/auth/export").text
    with host.database.session(SYSTEM, readonly=True) as session:
        user = session.get_one(User, ada.user_id)
        row = session.scalars(select(UserSession)).one()
    secrets = [
        ada.token, ada.password, ada.client.cookies["musekit_session"], user.password_hash,
        row.csrf_token, row.secret_hash.hex(),
    ]  # fmt: skip
    assert not [each for each in secrets if str(each) in text]


def test_a_plugin_at_fault_fails_it(
    app: FastAPI, host: Host, ada: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("no such table")

    monkeypatch.setattr(host.registry.hooks, "export_user_data", fail)
    with TestClient(app, raise_server_exceptions=False) as other:
        other.cookies = ada.client.cookies
        answer = other.get("/api/auth/export")
    assert answer.status_code == 500
    assert "user" not in answer.json()


def test_three_a_day(ada: SignedIn, make_user: MakeUser) -> None:
    codes = [ada.client.get("/api/auth/export").status_code for _ in range(4)]
    assert codes == [200] * 3 + [429]
    assert make_user().client.get("/api/auth/export").status_code == 200


def test_by_page(ada: SignedIn) -> None:
    page = ada.client.get("/account/export")
    form = {"csrf_token": page.text.partition('name="csrf_token" value="')[2].partition('"')[0]}
    answer = ada.client.post("/account/export", data=form)
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.content)["musekit"]["user"]["id"] == str(ada.user_id)


@pytest.mark.parametrize("path", ["/api/auth/export", "/account/export", "/account/delete"])
def test_only_in_person(host: Host, ada: SignedIn, make_user: MakeUser, path: str) -> None:
    operator = acting(host, make_user())
    with host.database.session(SYSTEM) as session:
        session.execute(
            update(UserSession).where(UserSession.user_id == ada.user_id).values(**operator)
        )
    assert ada.client.get(path).status_code == 403
