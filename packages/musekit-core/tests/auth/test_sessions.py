"""The list of browsers: how each came in, and whether it is somebody else who acts as one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import update

from musekit.auth import sessions
from musekit.auth.models import UserSession
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import SignedIn

from .acting import acting

SYSTEM = Actor.system("tests")
MakeUser = Callable[..., SignedIn]


@pytest.fixture
def ada(make_user: MakeUser) -> SignedIn:
    return make_user("ada@example.com")


def test_how_each_came_in(host: Host, ada: SignedIn) -> None:
    with host.database.session(SYSTEM) as session:
        sessions.start(session, ada.user_id, ada.space_id, days=1, methods=["password", "totp"])
    items = ada.client.get("/api/auth/sessions").json()["items"]
    assert {tuple(each["methods"]) for each in items} == {("password",), ("password", "totp")}
    assert all(datetime.fromisoformat(each["authenticated_at"]) for each in items)
    assert [each["by_operator"] for each in items] == [False, False]
    page = ada.client.get("/account/sessions").text
    assert "authenticator app" in page


def test_of_before_nothing_is_known(host: Host, ada: SignedIn) -> None:
    with host.database.session(SYSTEM) as session:
        session.execute(update(UserSession).values(methods=None, authenticated_at=None))
    (item,) = ada.client.get("/api/auth/sessions").json()["items"]
    assert (item["methods"], item["authenticated_at"]) == ([], None)
    assert ada.client.get("/account/sessions").status_code == 200


def test_an_operator_who_acts_as_me_is_seen_and_sent_away(
    host: Host, ada: SignedIn, make_user: MakeUser
) -> None:
    operator = make_user()
    with host.database.session(SYSTEM) as session:
        row, _ = sessions.start(session, ada.user_id, ada.space_id, days=1)
        row.impersonator_user_id = operator.user_id
        theirs = str(row.id)
    page = ada.client.get("/account/sessions").text
    assert page.count("the operator acts as you") == 1
    items = ada.client.get("/api/auth/sessions").json()["items"]
    assert {each["id"] for each in items if each["by_operator"]} == {theirs}
    assert ada.client.delete(f"/api/auth/sessions/{theirs}").status_code == 204


@pytest.mark.parametrize(
    "path", ["/account/sessions/revoke-others", "/account/sessions/{id}/revoke"]
)
def test_who_acts_as_me_signs_me_out_nowhere(
    host: Host, ada: SignedIn, make_user: MakeUser, path: str
) -> None:
    operator = acting(host, make_user())
    with host.database.session(SYSTEM) as session:
        row, _ = sessions.start(session, ada.user_id, ada.space_id, days=1)
        mine = row.id
        session.execute(
            update(UserSession)
            .where(UserSession.id != mine, UserSession.user_id == ada.user_id)
            .values(**operator)
        )
    page = ada.client.get("/account/sessions").text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    done = ada.client.post(path.format(id=mine), data={"csrf_token": token})
    assert done.status_code == 403
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.get(UserSession, mine) is not None
