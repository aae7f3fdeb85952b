"""Signing up, in and out, on both databases."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from musekit.auth import passwords, sessions
from musekit.auth.models import User, UserSession
from musekit.auth.resolve import SYSTEM
from musekit.auth.secrets import digest
from musekit.kernel.host import Host
from musekit.kernel.ratelimit.policies import SIGN_IN_PAIR
from musekit.social.models import Profile
from musekit.spaces.models import Space, SpaceMember
from musekit.testing.pytest_plugin import PASSWORD, SignedIn

GOOD = {
    "email": "ada@example.com",
    "password": PASSWORD,
    "name": "Ada",
    "timezone": "Europe/Berlin",
}
COOKIE = "musekit_session"


def test_sign_up_makes_user_space_membership_and_profile(client: TestClient, host: Host) -> None:
    answer = client.post("/api/auth/sign-up", json=GOOD)
    assert answer.status_code == 201, answer.text
    assert PASSWORD not in answer.text
    with host.database.session(SYSTEM, readonly=True) as session:
        user = session.scalars(select(User)).one()
        space = session.scalars(select(Space)).one()
        member = session.scalars(select(SpaceMember)).one()
        profile = session.scalars(select(Profile)).one()
    assert user.password_hash is not None
    assert user.password_hash.startswith("$argon2id$")
    assert (space.personal_user_id, space.timezone) == (user.id, "Europe/Berlin")
    assert (member.user_id, member.space_id, member.role) == (user.id, space.id, "owner")
    assert (profile.user_id, profile.space_id, profile.display_name) == (user.id, space.id, "Ada")
    me = client.get("/api/auth/me").json()
    assert (me["user"]["email"], me["space"]["role"], me["via"]) == (
        "ada@example.com",
        "owner",
        "user",
    )


def test_plugins_are_told_after_the_commit(
    client: TestClient, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    def note(*, host: Host, user_id: Any, space_id: Any) -> None:
        with host.database.session(SYSTEM, readonly=True) as session:
            told.append(session.get(User, user_id) is not None)

    monkeypatch.setattr(host.registry.hooks, "on_user_created", note)
    client.post("/api/auth/sign-up", json=GOOD)
    assert told == [True]
    client.post("/api/auth/sign-up", json=GOOD)  # refused: the address has an account
    assert told == [True]


@pytest.mark.parametrize("email", ["ADA@EXAMPLE.COM", " ada@Example.com ", "Ada@example.com"])
def test_an_address_has_one_account_however_it_is_written(client: TestClient, email: str) -> None:
    assert client.post("/api/auth/sign-up", json=GOOD).status_code == 201
    again = client.post("/api/auth/sign-up", json=GOOD | {"email": email})
    assert again.status_code == 422
    assert again.json()["errors"][0]["field"] == "email"
    assert client.post("/api/auth/sign-in", json={"email": email, "password": PASSWORD}).is_success


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"password": "12345678"}, "password"), ({"password": "password1"}, "password"),
        ({"password": "short"}, "password"), ({"password": "ada@example.com"}, "password"),
        ({"email": "no-address"}, "email"), ({"email": "a@b\0.com"}, "email"),
        ({"email": ""}, "email"), ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"), ({"timezone": "\0"}, "timezone"),
        ({"name": "x" * 101}, "name"), ({"name": "a\0b"}, "name"), ({"name": "a\u202eb"}, "name"),
        ({"name": "\ud800"}, "name"), ({"password": "\ud800" * 12}, "password"),
        ({"surprise": 1}, "surprise"), ({"password": 5}, "password"),
    ],
)  # fmt: skip
def test_bad_input_names_its_field_and_saves_nothing(
    client: TestClient, host: Host, change: dict[str, Any], field: str
) -> None:
    import json

    body = json.dumps(GOOD | change)
    answer = client.post(
        "/api/auth/sign-up", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422, answer.text
    assert field in {error["field"] for error in answer.json()["errors"]}
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(User)).all() == []


def test_wrong_password_and_unknown_address_look_the_same(
    client: TestClient, make_user: Callable[..., SignedIn]
) -> None:
    user = make_user()
    wrong = client.post("/api/auth/sign-in", json={"email": user.email, "password": "wrong " * 3})
    unknown = client.post(
        "/api/auth/sign-in", json={"email": "nobody@example.com", "password": "wrong " * 3}
    )
    assert wrong.status_code == unknown.status_code == 401
    drop = lambda answer: {k: v for k, v in answer.json().items() if k != "request_id"}  # noqa: E731
    assert drop(wrong) == drop(unknown)
    assert "set-cookie" not in wrong.headers


def test_an_unknown_address_costs_the_same_work(
    client: TestClient, make_user: Callable[..., SignedIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    real = passwords.HASHER.verify

    class Counting:
        def verify(self, stored: str, password: str) -> bool:
            verified.append(stored.rsplit("$", 2)[0])  # parameters, without salt and hash
            return real(stored, password)

        def __getattr__(self, name: str) -> Any:
            return getattr(real.__self__, name)

    monkeypatch.setattr(passwords, "HASHER", Counting())
    user = make_user()
    verified.clear()
    for email in (user.email, "nobody@example.com", "not an address"):
        client.post("/api/auth/sign-in", json={"email": email, "password": "wrong password"})
    assert len(verified) == 3
    assert len(set(verified)) == 1


def test_every_sign_in_gets_a_new_secret_and_ends_the_old(
    app: FastAPI, make_user: Callable[..., SignedIn], host: Host
) -> None:
    user = make_user()
    body = {"email": user.email, "password": user.password}

    def with_cookie(value: str) -> TestClient:
        return TestClient(app, cookies={COOKIE: value})

    planted = "planted-by-somebody-else"
    first = with_cookie(planted).post("/api/auth/sign-in", json=body).cookies[COOKIE]
    assert first != planted
    assert with_cookie(planted).get("/api/auth/me").status_code == 401
    second = with_cookie(first).post("/api/auth/sign-in", json=body).cookies[COOKIE]
    assert second != first
    assert with_cookie(first).get("/api/auth/me").status_code == 401
    assert with_cookie(second).get("/api/auth/me").status_code == 200
    with host.database.session(SYSTEM, readonly=True) as session:
        hashes = set(session.scalars(select(UserSession.secret_hash)))
    assert digest(second) in hashes
    assert second.encode() not in hashes


def test_sign_out_ends_the_session_on_the_server(
    make_user: Callable[..., SignedIn], host: Host
) -> None:
    user = make_user()
    secret = user.client.cookies[COOKIE]
    answer = user.client.post("/api/auth/sign-out", headers={"origin": "http://testserver"})
    assert answer.status_code == 204
    user.client.cookies.set(COOKIE, secret)
    assert user.client.get("/api/auth/me").status_code == 401


def test_an_expired_session_is_nobody(make_user: Callable[..., SignedIn], host: Host) -> None:
    user = make_user()
    with host.database.session(SYSTEM) as session:
        row = session.scalars(select(UserSession)).one()
        row.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    assert user.client.get("/api/auth/me").status_code == 401


def test_use_is_written_once_an_hour_and_moves_the_expiry(
    make_user: Callable[..., SignedIn], host: Host
) -> None:
    user = make_user()

    def state() -> tuple[datetime, datetime]:
        with host.database.session(SYSTEM, readonly=True) as session:
            row = session.scalars(select(UserSession)).one()
            return row.last_seen_at, row.expires_at

    before = state()
    user.client.get("/api/auth/me")
    assert state() == before
    with host.database.session(SYSTEM) as session:
        row = session.scalars(select(UserSession)).one()
        row.last_seen_at -= sessions.TOUCH_EVERY
        row.expires_at -= timedelta(days=3)
    user.client.get("/api/auth/me")
    after = state()
    assert after[0] >= before[0]
    assert after[1] >= before[1]


def test_too_many_tries_wait(client: TestClient, make_user: Callable[..., SignedIn]) -> None:
    user = make_user()
    bad = {"email": user.email, "password": "wrong password"}
    tries = [client.post("/api/auth/sign-in", json=bad) for _ in range(SIGN_IN_PAIR.hits + 2)]
    assert [each.status_code for each in tries[: SIGN_IN_PAIR.hits]] == [401] * SIGN_IN_PAIR.hits
    assert tries[-1].status_code == 429
    assert int(tries[-1].headers["retry-after"]) > 0
    good = {"email": user.email, "password": user.password}
    assert client.post("/api/auth/sign-in", json=good).status_code == 429
    other = make_user()  # somebody else is not locked out
    assert client.post(
        "/api/auth/sign-in", json={"email": other.email, "password": other.password}
    ).is_success


def test_a_good_sign_in_forgets_the_bad_tries(
    client: TestClient, make_user: Callable[..., SignedIn]
) -> None:
    user = make_user()
    for _ in range(3):
        for _ in range(SIGN_IN_PAIR.hits - 1):
            client.post("/api/auth/sign-in", json={"email": user.email, "password": "wrong one"})
        assert client.post(
            "/api/auth/sign-in", json={"email": user.email, "password": user.password}
        ).is_success


def test_somebody_who_left_a_space_is_back_in_their_own(
    make_user: Callable[..., SignedIn], host: Host
) -> None:
    ada, bob = make_user(), make_user()
    with host.database.session(SYSTEM) as session:
        session.add(
            SpaceMember(
                space_id=bob.space_id, user_id=ada.user_id, role="viewer",
                created_at=datetime.now(UTC),
            )
        )  # fmt: skip
    moved = ada.client.post("/api/spaces/switch", json={"space_id": str(bob.space_id)})
    assert moved.json()["role"] == "viewer"
    assert ada.client.get("/api/auth/me").json()["space"]["id"] == str(bob.space_id)
    with host.database.session(SYSTEM) as session:
        session.delete(session.get_one(SpaceMember, (bob.space_id, ada.user_id)))
    assert ada.client.get("/api/auth/me").json()["space"]["id"] == str(ada.space_id)


def test_a_foreign_space_cannot_be_entered(make_user: Callable[..., SignedIn]) -> None:
    ada, bob = make_user(), make_user()
    answer = ada.client.post("/api/spaces/switch", json={"space_id": str(bob.space_id)})
    assert answer.status_code == 404
    assert ada.client.get("/api/auth/me").json()["space"]["id"] == str(ada.space_id)


def test_an_outdated_hash_is_renewed_at_sign_in(
    client: TestClient, make_user: Callable[..., SignedIn], host: Host
) -> None:
    from argon2 import PasswordHasher

    user = make_user()
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(user.password)
    with host.database.session(SYSTEM) as session:
        session.get_one(User, user.user_id).password_hash = old
    client.post("/api/auth/sign-in", json={"email": user.email, "password": user.password})
    with host.database.session(SYSTEM, readonly=True) as session:
        stored = session.get_one(User, user.user_id).password_hash
    assert stored is not None
    assert stored != old
    assert passwords.verify(user.password, stored)


def test_https_deployments_get_a_host_bound_secure_cookie(host: Host) -> None:
    from musekit.kernel.app import create_app

    host.settings.public_url = "https://example.com"
    app: FastAPI = create_app(host)
    with TestClient(app, base_url="https://example.com") as browser:
        answer = browser.post("/api/auth/sign-up", json=GOOD)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-musekit_session=")
        for part in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
            assert part in cookie
        assert "Domain" not in cookie
        assert "max-age=" in answer.headers["strict-transport-security"]
        assert browser.get("/api/auth/me").is_success


def test_hashing_takes_real_work() -> None:
    start = time.perf_counter()
    passwords.hash_password("x")
    assert time.perf_counter() - start > 0.005
    assert "m=19456,t=2,p=1" in passwords.NOBODY
