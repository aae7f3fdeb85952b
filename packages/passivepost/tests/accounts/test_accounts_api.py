"""Accounts through the API: connect, list, check, disconnect, come back; and no secrets shown."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from musekit.api import Actor, SocialAccount, SocialPost, new_id
from passivepost.publishing.models import PublishState

SYSTEM = Actor.system("tests")
SECRET = re.compile(r"sbx_(at|rt)_|token_encrypted|\bv1\.|state_hash|verifier")


def schedule(user, **more):
    at = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    answer = user.client.post(
        "/api/social/posts",
        json={"platform": "sandbox", "content": "x", "scheduled_at": at, **more},
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def test_connect_list_check_disconnect(host, net, user, connect):
    account = connect(user)
    assert account["platform_username"] == "juniper"
    listed = user.client.get("/api/social/accounts").json()
    assert listed == {"items": [account], "next_cursor": None}
    checked = user.client.post("/api/social/accounts/validate", json={}).json()["items"]
    assert [(each["is_valid"], each["platform"]) for each in checked] == [(True, "sandbox")]

    post = schedule(user)
    gone = user.client.delete(f"/api/social/accounts/{account['id']}")
    assert gone.status_code == 200, gone.text
    told = gone.json()
    assert (told["tokens_destroyed"], told["revoked_at_platform"]) == (True, True)
    assert told["posts_held"] == 1
    assert net.ledger(kind="grant_revoked")
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalar(select(func.count()).select_from(SocialAccount)) == 0
    shown = user.client.get(f"/api/social/posts/{post}").json()
    assert (shown["status"], shown["account_id"], shown["hold"]) == ("scheduled", None, "reconnect")


def test_posts_go_on_when_the_same_account_comes_back(host, user, connect):
    account = connect(user)
    post = schedule(user)
    user.client.delete(f"/api/social/accounts/{account['id']}")
    back = connect(user)
    shown = user.client.get(f"/api/social/posts/{post}").json()
    assert (shown["account_id"], shown["hold"]) == (back["id"], None)
    with host.database.session(SYSTEM, readonly=True) as session:
        state = session.get(PublishState, __import__("uuid").UUID(post))
        assert str(state.account_id) == back["id"]


def test_posts_do_not_go_out_from_another_account(user, connect):
    account = connect(user)
    post = schedule(user)
    user.client.delete(f"/api/social/accounts/{account['id']}")
    connect(user, "marlow")
    shown = user.client.get(f"/api/social/posts/{post}").json()
    assert (shown["account_id"], shown["hold"]) == (None, "reconnect")
    # A person says that it shall: by scheduling it again.
    later = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    again = user.client.put(f"/api/social/posts/{post}", json={"scheduled_at": later}).json()
    assert again["hold"] is None
    assert again["account_id"]


def test_a_revoked_connection_is_found_and_its_posts_are_held(net, user, connect):
    connect(user)
    post = schedule(user)
    net.faults({"fault": "revoked", "op": "me"})
    checked = user.client.post("/api/social/accounts/validate", json={}).json()["items"][0]
    assert checked["is_valid"] is False
    account = user.client.get("/api/social/accounts").json()["items"][0]
    assert (account["is_valid"], account["last_error"]) == (False, checked["detail"])
    assert user.client.get(f"/api/social/posts/{post}").json()["hold"] == "reconnect"
    net.faults()
    connect(user)
    assert user.client.get(f"/api/social/posts/{post}").json()["hold"] is None


def test_a_network_that_is_away_changes_nothing(net, user, connect):
    connect(user)
    net.faults({"fault": "error", "op": "me"})
    checked = user.client.post("/api/social/accounts/validate", json={}).json()["items"][0]
    assert checked["is_valid"] is True
    assert user.client.get("/api/social/accounts").json()["items"][0]["last_error"] is None


def test_accounts_of_others_are_not_there(user, other, connect):
    account = connect(user)
    assert other.client.get("/api/social/accounts").json()["items"] == []
    assert other.client.delete(f"/api/social/accounts/{account['id']}").status_code == 404
    check = {"account_id": account["id"]}
    assert other.client.post("/api/social/accounts/validate", json=check).status_code == 404
    assert user.client.delete(f"/api/social/accounts/{new_id()}").status_code == 404
    assert len(user.client.get("/api/social/accounts").json()["items"]) == 1


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_cannot_be_connected_says_why(user):
    for body, status in (
        ({"platform": "myspace"}, 422),
        ({"platform": "sandbox", "values": {"a": "b"}}, 422),
        ({"platform": "bluesky"}, 422),
        ({"platform": "bluesky", "values": {"handle": "x"}}, 422),
        ({"platform": "bluesky", "values": {"oops": "x"}}, 422),
        ({"platform": "twitter"}, 409),
        ({"platform": "sandbox", "user_id": str(new_id())}, 422),
        ({}, 422),
        ([], 422),
        ({"platform": "sandbox", "values": {"a": 1}}, 422),
    ):
        answer = user.client.post("/api/social/connect", json=body)
        assert answer.status_code == status, (body, answer.text)
        assert answer.json()["detail"]


def test_no_response_and_no_row_shows_a_secret(host, net, user, connect):
    account = connect(user)
    post = schedule(user)
    bodies = [
        user.client.get(url).text
        for url in (
            "/api/social/accounts", "/api/social/posts", f"/api/social/posts/{post}",
            "/api/social/tier", "/api/social/health",
        )
    ]  # fmt: skip
    bodies.append(str(account))
    bodies.append(user.client.post("/api/social/accounts/validate", json={}).text)
    with host.database.session(SYSTEM, readonly=True) as session:
        row = session.scalars(select(SocialAccount)).one()
        stored = f"{row.access_token_encrypted} {row.refresh_token_encrypted}"
    assert "sbx_" not in stored
    assert [text[:3] for text in stored.split()] == ["v1.", "v1."]
    bodies.append(user.client.delete(f"/api/social/accounts/{account['id']}").text)
    for body in bodies:
        assert not SECRET.search(body), body


def test_an_answer_with_a_state_is_never_kept(client, user):
    for headers in ({}, user.headers):
        browser = client if headers else user.client
        key = {"Idempotency-Key": str(new_id()), **headers}
        body = {"platform": "sandbox"}
        first = browser.post("/api/social/connect", json=body, headers=key)
        again = browser.post("/api/social/connect", json=body, headers=key)
        assert first.headers["cache-control"] == "no-store"
        shown = first.json().get("authorize_url") or first.json()["continue_url"]
        assert shown not in again.text


def test_the_deleted_user_takes_everything_along(host, user, connect):
    from musekit.api import User

    connect(user)
    schedule(user)
    with host.database.session(SYSTEM) as session:
        session.delete(session.get(User, user.user_id))
        session.flush()
        for model in (SocialAccount, SocialPost, PublishState):
            assert session.scalar(select(func.count()).select_from(model)) == 0
