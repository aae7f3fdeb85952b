"""Connections that must not come about (reliability D12-D14). The judge is the database."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from sqlalchemy import select, update

from musekit.api import Actor, SocialAccount
from passivepost.accounts.models import OAuthFlow

SYSTEM = Actor.system("tests")


def accounts(host):
    with host.database.session(SYSTEM, readonly=True) as session:
        return session.execute(
            select(SocialAccount.space_id, SocialAccount.platform_username)
        ).all()


def state_of(url):
    return parse_qs(urlsplit(url).query)["state"][0]


def test_the_consent_page_is_asked_with_pkce_and_the_exact_address(host, user, start):
    asked = {k: v[0] for k, v in parse_qs(urlsplit(start(user)).query).items()}
    assert asked["redirect_uri"] == f"{host.settings.public_url}/api/social/callback/sandbox"
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert len(asked["state"]) >= 43
    with host.database.session(SYSTEM, readonly=True) as session:
        flow = session.scalars(select(OAuthFlow)).one()
        assert asked["state"].encode() not in flow.state_hash
        assert flow.verifier_encrypted.startswith("v1.")


def test_somebody_elses_way_back_connects_nothing(host, net, user, other, start):
    back = net.allow(start(user))
    assert other.client.get(back).status_code == 403
    assert accounts(host) == []
    assert user.client.get(back).status_code == 200  # a stranger's try does not spoil it


def test_another_session_of_the_same_user_connects_nothing(app, host, net, user, start):
    from starlette.testclient import TestClient

    second = TestClient(app, headers={"Sec-Fetch-Site": "same-origin"})
    second.post("/api/auth/sign-in", json={"email": user.email, "password": user.password})
    assert second.get("/api/social/accounts").status_code == 200
    assert second.get(net.allow(start(user))).status_code == 403
    assert accounts(host) == []


def test_a_token_alone_connects_nothing(client, host, net, user, start):
    back = net.allow(start(user))
    assert client.get(back, headers=user.headers).status_code == 403
    assert client.get(back).status_code == 401
    assert accounts(host) == []


def test_a_state_works_once(net, user, start):
    back = net.allow(start(user))
    assert user.client.get(back).status_code == 200
    assert user.client.get(back).status_code == 403


def test_a_state_lives_ten_minutes(host, net, user, start):
    back = net.allow(start(user))
    with host.database.session(SYSTEM) as session:
        session.execute(
            update(OAuthFlow).values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        )
    assert user.client.get(back).status_code == 403
    assert accounts(host) == []


def test_another_providers_state_connects_nothing(host, net, user, start):
    back = net.allow(start(user))
    with host.database.session(SYSTEM) as session:
        session.execute(update(OAuthFlow).values(platform="twitter"))
    assert user.client.get(back).status_code == 403
    assert accounts(host) == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_made_up_answers_connect_nothing(host, net, user, start):
    state = state_of(start(user))
    back = "/api/social/callback/sandbox"
    for query, statuses in (
        ({}, {403}),
        ({"state": "x", "code": "y"}, {403}),
        ({"state": state[:-1], "code": "y"}, {403}),
        ({"state": "\U0001f600" * 10, "code": "y"}, {403}),
        ({"state": state, "code": "made-up"}, {422}),
    ):
        answer = user.client.get(f"{back}?{urlencode(query)}")
        assert answer.status_code in statuses, (query, answer.text)
    for platform in ("myspace", "bluesky", "..%2f..", "SANDBOX"):
        answer = user.client.get(f"/api/social/callback/{platform}?state={state}&code=x")
        assert answer.status_code in {404, 422}, (platform, answer.text)
    assert accounts(host) == []


def test_a_verifier_that_does_not_fit_connects_nothing(host, net, user, start):
    """Another code, injected into the victim's own flow: PKCE refuses it."""
    stolen = parse_qs(urlsplit(net.allow(start(user), username="mallory")).query)["code"][0]
    state = state_of(start(user))
    answer = user.client.get(f"/api/social/callback/sandbox?state={state}&code={stolen}")
    assert answer.status_code == 422
    assert accounts(host) == []


def test_two_tabs_each_finish_their_own(net, user, start):
    first, second = start(user), start(user)
    assert user.client.get(net.allow(second)).status_code == 200
    assert user.client.get(net.allow(first)).status_code == 200


def test_declining_stores_nothing_and_says_so(host, net, user, start):
    back = net.allow(start(user), decision="deny")
    assert "error=access_denied" in back
    answer = user.client.get(back)
    assert (answer.status_code, answer.json()["reason"]) == (409, "denied")
    page = user.client.get(
        net.allow(start(user), decision="deny"),
        headers={"Accept": "text/html"},
        follow_redirects=False,
    )
    assert page.status_code == 303
    assert page.headers["location"] == "/dashboard/social?connect_error=denied&platform=sandbox"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert accounts(host) == []


def test_an_account_of_another_space_is_refused(host, user, other, connect, net, start):
    connect(user, "juniper")
    answer = other.client.get(net.allow(start(other), "juniper"))
    assert (answer.status_code, answer.json()["reason"]) == (409, "connected_elsewhere")
    assert len(accounts(host)) == 1


def test_another_account_does_not_take_the_place_of_one_that_is_connected(
    host, user, connect, net, start
):
    connect(user, "juniper")
    answer = user.client.get(net.allow(start(user), "marlow"))
    assert (answer.status_code, answer.json()["reason"]) == (409, "other_account")
    assert accounts(host) == [(user.space_id, "juniper")]


def test_connecting_again_keeps_the_row(user, connect):
    assert connect(user)["id"] == connect(user)["id"]


def test_a_token_is_given_a_link_that_its_users_browser_opens_once(app, client, net, user, other):
    asked = client.post("/api/social/connect", json={"platform": "sandbox"}, headers=user.headers)
    assert asked.status_code == 403
    link = urlsplit(asked.json()["continue_url"]).path
    assert other.client.get(link, follow_redirects=False).status_code == 403
    assert client.get(link, headers=user.headers).status_code == 403
    opened = user.client.get(link, follow_redirects=False)
    assert opened.status_code == 303
    assert user.client.get(link, follow_redirects=False).status_code == 403
    assert user.client.get(net.allow(opened.headers["location"])).status_code == 200


def test_a_fault_of_the_network_is_said_and_leaves_nothing(host, net, user, start):
    back = net.allow(start(user))
    net.faults({"fault": "error", "op": "token"})
    assert user.client.get(back).status_code == 503
    assert accounts(host) == []
