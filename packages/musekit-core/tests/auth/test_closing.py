"""Operators shut people out and let them in again; the last operator stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from musekit.audit.models import AuditEntry
from musekit.auth import closing, sessions
from musekit.auth.models import User, UserSession
from musekit.errors import ConflictError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD, SignedIn

from .mailbox import link

SYSTEM = Actor.system("tests")
MakeUser = Callable[..., SignedIn]


@pytest.fixture
def ada(make_user: MakeUser) -> SignedIn:
    return make_user("ada@example.com")


def shut(host: Host, user: SignedIn, actor: Actor = SYSTEM) -> None:
    with host.database.session(SYSTEM) as session:
        closing.disable(session, actor, user.user_id, reason="spam")


def test_out_and_in_again(app: FastAPI, host: Host, ada: SignedIn) -> None:
    programs = TestClient(app)
    shut(host, ada)
    shut(host, ada)  # twice is once
    assert ada.client.get("/api/auth/me").status_code == 401
    assert programs.get("/api/auth/me", headers=ada.headers).status_code == 401
    body = {"email": ada.email, "password": PASSWORD}
    assert programs.post("/api/auth/sign-in", json=body).status_code == 403
    with host.database.session(SYSTEM) as session:
        closing.enable(session, SYSTEM, ada.user_id)
    assert ada.client.get("/api/auth/me").status_code == 401  # the old cookie is not revived
    assert programs.get("/api/auth/me", headers=ada.headers).status_code == 200
    assert programs.post("/api/auth/sign-in", json=body).status_code == 200
    with host.database.session(SYSTEM, readonly=True) as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.at)).all()
    assert [each.action for each in entries if each.target_id == str(ada.user_id)] == [
        "user.signed_in", "user.disabled", "user.enabled", "user.signed_in",
    ]  # fmt: skip


def test_links_under_way_lead_nowhere(host: Host, client: TestClient, ada: SignedIn) -> None:
    client.post("/api/auth/forgot", json={"email": ada.email})
    path = link(host, ada.email, "reset-password")
    shut(host, ada)
    assert client.get(path).status_code == 410


def test_nobody_acts_for_another_any_more(host: Host, ada: SignedIn, make_user: MakeUser) -> None:
    bob = make_user()
    with host.database.session(SYSTEM) as session:
        row, _ = sessions.start(session, bob.user_id, bob.space_id, days=1)
        row.impersonator_user_id = ada.user_id
    shut(host, ada)
    with host.database.session(SYSTEM, readonly=True) as session:
        left = session.scalars(select(UserSession)).all()
    assert [(each.user_id, each.by_operator) for each in left] == [(bob.user_id, False)]


def test_not_oneself_and_not_the_last(host: Host, ada: SignedIn, make_user: MakeUser) -> None:
    bob = make_user()
    with host.database.session(SYSTEM) as session:
        session.get_one(User, ada.user_id).is_operator = True
    with pytest.raises(ConflictError, match="only operator"):
        shut(host, ada)
    with pytest.raises(ConflictError, match="yourself"):
        shut(host, bob, Actor(kind="user", name="x", user_id=bob.user_id))
    with host.database.session(SYSTEM) as session:
        session.get_one(User, bob.user_id).is_operator = True
    shut(host, ada)
    with pytest.raises(ConflictError, match="only operator"):
        shut(host, bob)  # who is shut out is no other operator


def test_what_is_being_deleted_stays_shut(host: Host, ada: SignedIn) -> None:
    with host.database.session(SYSTEM) as session:
        session.get_one(User, ada.user_id).deleting_at = utc_now()
    with host.database.session(SYSTEM) as session, pytest.raises(ConflictError):
        closing.enable(session, SYSTEM, ada.user_id)
