"""API tokens: their form, what they may do, and their end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from starlette.testclient import TestClient

from musekit.audit.models import AuditEntry
from musekit.auth import tokens
from musekit.auth.models import ApiToken, User
from musekit.auth.resolve import SYSTEM
from musekit.auth.secrets import ALPHABET, PREFIX, checksum, digest, is_well_formed, new_token
from musekit.declarations import Permission
from musekit.errors import InvalidError
from musekit.kernel.host import Host
from musekit.kernel.registry import Contribution
from musekit.testing.pytest_plugin import SignedIn


@pytest.fixture
def host(host: Host) -> Host:
    """A host whose spaces know two permissions."""
    host.registry.frozen = False
    rights = [
        Permission(key="things.read", label="See things", lowest_role="viewer"),
        Permission(key="things.write", label="Change things", lowest_role="editor"),
    ]
    host.registry.accept("musekit", Contribution({"permissions": rights}, set()))
    host.registry.frozen = True
    return host


def make(host: Host, user: SignedIn, scopes: list[str], days: int | None = None) -> str:
    with host.database.session(SYSTEM) as session:
        _, secret = tokens.create(session, user.user_id, user.space_id, "t", scopes, days=days)
    return secret


def me(client: TestClient, secret: str) -> tuple[int, list[str]]:
    """The status of asking who one is, and the rights of this test that one has."""
    answer = client.get("/api/auth/me", headers={"authorization": f"Bearer {secret}"})
    rights = answer.json().get("permissions", [])
    return answer.status_code, [each for each in rights if each.startswith("things.")]


def test_form_and_checksum() -> None:
    token = new_token()
    assert token.startswith(PREFIX)
    assert is_well_formed(token)
    assert len({new_token() for _ in range(200)}) == 200


@given(st.integers(min_value=len(PREFIX), max_value=54), st.sampled_from(ALPHABET + "_-é"))
def test_any_single_change_breaks_the_checksum(place: int, char: str) -> None:
    token = new_token()
    changed = token[:place] + char + token[place + 1 :]
    assert is_well_formed(changed) == (changed == token)


@pytest.mark.parametrize(
    "bad", ["", "mk_live_", "mk_live__", "mk_test_" + "a" * 47, "x" * 10_000, "mk_live_" + "a" * 40]
)
def test_other_forms_are_refused(bad: str) -> None:
    assert not is_well_formed(bad)


def test_checksum_is_stable() -> None:
    """Tokens in use must stay valid: this value may never change."""
    assert checksum("0" * 40) == "2kaqcA"
    assert checksum("aZ9" * 13 + "q") == "12dgGz"


def test_only_the_hash_is_stored(make_user: Callable[..., SignedIn], host: Host) -> None:
    user = make_user()
    secret = make(host, user, ["things.read"])
    with host.database.session(SYSTEM, readonly=True) as session:
        row = session.scalars(select(ApiToken).where(ApiToken.secret_hash == digest(secret))).one()
    stored = " ".join(str(value) for value in vars(row).values())
    assert secret not in stored
    assert secret.removeprefix(PREFIX)[10:40] not in stored
    assert secret.startswith(row.prefix)


def test_scopes_cut_the_person_s_rights_down(
    client: TestClient, make_user: Callable[..., SignedIn], host: Host
) -> None:
    user = make_user()
    assert me(client, make(host, user, ["things.read"])) == (200, ["things.read"])
    assert me(client, make(host, user, ["things.read", "unknown.right"])) == (200, ["things.read"])
    assert me(client, make(host, user, ["*"])) == (200, ["things.read", "things.write"])


def test_a_token_never_has_more_than_its_person(
    client: TestClient, make_user: Callable[..., SignedIn], host: Host
) -> None:
    from musekit.spaces.models import SpaceMember

    user = make_user()
    everything = make(host, user, ["*"])
    listed = make(host, user, ["things.read", "things.write"])
    with host.database.session(SYSTEM) as session:
        session.get_one(SpaceMember, (user.space_id, user.user_id)).role = "viewer"
    assert me(client, everything) == (200, ["things.read"])
    assert me(client, listed) == (200, ["things.read"])
    with host.database.session(SYSTEM) as session:
        session.delete(session.get_one(SpaceMember, (user.space_id, user.user_id)))
    assert me(client, everything)[0] == 401


def test_an_operator_s_token_is_no_operator(
    client: TestClient, make_user: Callable[..., SignedIn], host: Host
) -> None:
    user = make_user()
    with host.database.session(SYSTEM) as session:
        session.get_one(User, user.user_id).is_operator = True
    secret = make(host, user, ["*"])
    answer = client.get("/api/auth/me", headers={"authorization": f"Bearer {secret}"})
    assert answer.json()["is_operator"] is False
    assert user.client.get("/api/auth/me").json()["is_operator"] is True


def test_revoked_expired_unknown_and_mistyped_are_nobody(
    client: TestClient, make_user: Callable[..., SignedIn], host: Host
) -> None:
    user = make_user()
    revoked, expired = make(host, user, ["*"]), make(host, user, ["*"], days=1)
    assert me(client, revoked)[0] == me(client, expired)[0] == 200
    with host.database.session(SYSTEM) as session:
        for row in session.scalars(select(ApiToken)):
            if row.secret_hash == digest(revoked):
                tokens.revoke(session, user.user_id, row.id)
            if row.secret_hash == digest(expired):
                row.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    for secret in (revoked, expired, new_token(), user.token[:-1] + "?", "", "Bearer", "\x7f"):
        assert me(client, secret)[0] == 401, secret


def test_a_bad_token_is_not_made_good_by_a_cookie(make_user: Callable[..., SignedIn]) -> None:
    user = make_user()
    assert user.client.get("/api/auth/me").status_code == 200
    for header in (f"Bearer {new_token()}", "Basic YTpi", "", "Bearer"):
        answer = user.client.get("/api/auth/me", headers={"authorization": header})
        assert answer.status_code == 401, header


def test_use_is_written_once_a_minute(
    client: TestClient, make_user: Callable[..., SignedIn], host: Host
) -> None:
    user = make_user()
    secret = make(host, user, ["*"])

    def used() -> datetime | None:
        with host.database.session(SYSTEM, readonly=True) as session:
            return session.scalars(
                select(ApiToken.last_used_at).where(ApiToken.secret_hash == digest(secret))
            ).one()

    assert used() is None
    me(client, secret)
    first = used()
    assert first is not None
    me(client, secret)
    assert used() == first
    with host.database.session(SYSTEM) as session:
        row = session.scalars(select(ApiToken).where(ApiToken.secret_hash == digest(secret))).one()
        row.last_used_at = first - tokens.TOUCH_EVERY
    me(client, secret)
    later = used()
    assert later is not None
    assert later >= first


def test_tokens_are_made_and_revoked_in_the_browser_only(
    make_user: Callable[..., SignedIn],
) -> None:
    user = make_user()
    body = {"name": "script", "scopes": ["things.read"]}
    by_token = user.client.post(
        "/api/auth/tokens", json=body, headers={"authorization": f"Bearer {user.token}"}
    )
    assert by_token.status_code == 403
    made = user.client.post("/api/auth/tokens", json=body)
    assert made.status_code == 201
    assert made.json()["token"].startswith(made.json()["prefix"])
    listed = user.client.get("/api/auth/tokens")
    assert made.json()["token"] not in listed.text
    assert "hash" not in listed.text
    assert user.client.delete(f"/api/auth/tokens/{made.json()['id']}").status_code == 204
    assert me(user.client, made.json()["token"])[0] == 401


def test_another_s_token_cannot_be_revoked(make_user: Callable[..., SignedIn]) -> None:
    ada, bob = make_user(), make_user()
    own = ada.client.get("/api/auth/tokens").json()["items"][0]["id"]
    assert bob.client.delete(f"/api/auth/tokens/{own}").status_code == 404
    assert me(ada.client, ada.token)[0] == 200
    session_id = ada.client.get("/api/auth/sessions").json()["items"][0]["id"]
    assert bob.client.delete(f"/api/auth/sessions/{session_id}").status_code == 404
    assert ada.client.get("/api/auth/me").status_code == 200


@pytest.mark.parametrize(
    "change",
    [{"scopes": []}, {"scopes": ["other.right"]}, {"name": "  "}, {"name": "x" * 101}, {"days": 0},
     {"name": "a\0"}, {"days": 99999}, {"scopes": "things.read"}],
)  # fmt: skip
def test_bad_wishes_are_refused(
    make_user: Callable[..., SignedIn], change: dict[str, object]
) -> None:
    user = make_user()
    answer = user.client.post(
        "/api/auth/tokens", json={"name": "n", "scopes": ["things.read"], **change}
    )
    assert answer.status_code == 422, answer.text


def test_tokens_of_a_person_are_bounded(make_user: Callable[..., SignedIn], host: Host) -> None:
    user = make_user()
    with host.database.session(SYSTEM) as session:
        for _ in range(tokens.MOST_TOKENS - 1):
            tokens.create(session, user.user_id, user.space_id, "t", ["*"])
        with pytest.raises(InvalidError):
            tokens.create(session, user.user_id, user.space_id, "t", ["*"])
    assert isinstance(user.user_id, UUID)


def test_who_looks_sees_where_it_acts_and_from_where_it_was_used(
    client: TestClient, make_user: Callable[..., SignedIn], host: Host
) -> None:
    user = make_user("ada@example.com")
    body = {"name": "backup", "scopes": ["*"]}
    made = user.client.post("/api/auth/tokens", json=body).json()
    me(client, made["token"])
    page = user.client.get("/account/tokens").text
    with host.database.session(SYSTEM, readonly=True) as session:
        row = session.get_one(ApiToken, UUID(made["id"]))
        assert row.last_used_ip == "testclient"
        assert tokens.spaces_of(session, [row])[row.space_id] in page
    assert "testclient" in page
    assert user.client.delete(f"/api/auth/tokens/{made['id']}").status_code == 204
    with host.database.session(SYSTEM, readonly=True) as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.at)).all()
    assert [(each.action, each.target_id) for each in entries if each.target_kind == "token"] == [
        ("token.made", made["id"]), ("token.revoked", made["id"]),
    ]  # fmt: skip
