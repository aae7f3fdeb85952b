"""The operator's page: what is missing, how it is mended, and no secret."""

import pytest
from pydantic import SecretStr
from sqlalchemy import update

from musekit.api import Actor, Health, SocialAccount, User
from musekit.auth.models import UserSession
from musekit.kernel.database.types import utc_now
from passivepost.setup import service

PAGE = "/admin/setup/passivepost"
SYSTEM = Actor.system("tests")
BROWSER = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


@pytest.fixture
def settings(settings, monkeypatch):
    monkeypatch.setenv("PASSIVEPOST_PLATFORM_TWITTER_CLIENT_ID", "")
    return settings


@pytest.fixture
def operator(host, user):
    with host.database.session(SYSTEM) as session:
        session.get_one(User, user.user_id).is_operator = True
        session.execute(update(UserSession).values(authenticated_at=utc_now()))
    user.client.headers.update(BROWSER)
    return user


def test_it_says_what_is_missing_and_where_it_goes(host, connected, operator):
    page = operator.client.get(PAGE)
    assert page.status_code == 200, page.text
    assert "PASSIVEPOST_PLATFORM_TWITTER_CLIENT_ID" in page.text
    assert "https://developer.x.com/" in page.text
    url = host.settings.public_url.rstrip("/")
    assert f"{url}/api/social/callback/twitter" in page.text
    assert "1 account is connected" in page.text
    assert "Not available yet:" in page.text
    assert "sample-network-secret" not in page.text
    with host.database.session(SYSTEM) as session:
        session.execute(update(SocialAccount).values(is_valid=False))
        found = {each.look.name: each for each in service.networks(session, host)}
    assert (found["sandbox"].state, found["sandbox"].accounts, found["sandbox"].broken) == (
        "ready", 1, 1,
    )  # fmt: skip
    assert [(each.variable, each.is_set, each.needed) for each in found["twitter"].keys] == [
        ("PASSIVEPOST_PLATFORM_TWITTER_CLIENT_ID", False, True),
        ("PASSIVEPOST_PLATFORM_TWITTER_CLIENT_SECRET", False, False),
    ]
    assert found["twitter"].state == "unset"
    assert "unavailable" in {each.state for each in found.values()}


def points(host):
    return {each.label: each for each in service.points(host)}


def test_the_rest_is_judged(host, operator, monkeypatch):
    assert {each.status for each in points(host).values()} == {"ok"}
    host.settings.cron_secret = None
    assert "Off" in points(host)["Cron"].detail
    host.settings.cron_secret = SecretStr("short")
    assert points(host)["Cron"].status == "warn"
    host.settings.cron_secret = SecretStr("s" * 32)
    assert points(host)["Cron"].detail.endswith("answers to who has the secret.")
    host.settings.social_encryption_key = None
    assert "Keep a copy" in points(host)["Encryption of tokens"].advice
    host.settings.social_encryption_key = SecretStr("1:abc")
    assert points(host)["Encryption of tokens"].advice == ""
    monkeypatch.setattr(
        "passivepost.health.check_publisher",
        lambda host: Health(status="fail", detail="a post lies", advice="Start `musekit worker`"),
    )
    assert (points(host)["Publishing"].status, points(host)["Publishing"].detail) == (
        "fail", "a post lies",
    )  # fmt: skip
    page = operator.client.get(PAGE)
    assert "Start `musekit worker`" in page.text
    assert "1:abc" not in page.text


def test_the_networks_are_asked(host, operator, monkeypatch):
    rung = []
    monkeypatch.setattr(host.broker, "enqueue", lambda name, **ids: rung.append(name))
    answer = operator.client.post(f"{PAGE}/check", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert rung == ["social-health-check"]


def test_only_the_operator_sees_it(user):
    user.client.headers.update(BROWSER)
    assert user.client.get(PAGE).status_code == 403
    assert user.client.post(f"{PAGE}/check").status_code == 403
