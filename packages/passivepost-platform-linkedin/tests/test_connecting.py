"""Connecting: the whole OAuth flow, whose account it is, and what a deployment can set."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr, ValidationError
from tests.support.linkedin_double import CLIENT_ID, CLIENT_SECRET, SUB

from passivepost.api import AuthExpired, AuthRevoked, Feature, Misconfigured
from passivepost.sdk.oauth import exchange, revoke
from passivepost_platform_linkedin.health import version_health
from passivepost_platform_linkedin.platform import LinkedInPlatform, RenewingLinkedInPlatform
from passivepost_platform_linkedin.settings import LinkedInSettings

CALLBACK = "http://127.0.0.1/callback"


async def connected(http, platform):
    answer = await http.get(
        platform.connection.authorize_url,
        params={
            "response_type": "code",
            "client_id": platform.connection.client_id,
            "redirect_uri": CALLBACK,
            "scope": " ".join(platform.connection.scopes),
            "state": "s",
        },
    )
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    return await exchange(
        http, platform.connection, code=code, redirect_uri=CALLBACK, verifier=None
    )


def test_whole_oauth_flow(publisher, server):
    platform = publisher.platform

    async def main(http):
        credentials = await connected(http, platform)
        assert credentials.refresh_token is None
        left = credentials.expires_at - datetime.now(UTC)
        assert timedelta(days=59, hours=23) < left <= timedelta(days=60)
        assert credentials.scopes == ("openid", "profile", "w_member_social")
        who = await platform.identify(http, credentials)
        assert (who.platform_user_id, who.username) == (SUB, "Sam Ample")
        assert await revoke(http, platform.connection, credentials.access_token)
        with pytest.raises(AuthRevoked):
            await platform.identify(http, credentials)

    publisher.run(main)


def test_a_wrong_secret_is_the_operators_matter(publisher, configured):
    wrong = configured.model_copy(update={"client_secret": SecretStr("wrong")})

    async def main(http):
        with pytest.raises(Misconfigured):
            await connected(http, LinkedInPlatform(wrong))

    publisher.run(main)


@pytest.mark.parametrize(("times", "works"), [(1, True), (2, False)])
def test_a_new_token_that_is_called_revoked_is_asked_once_more(publisher, server, times, works):
    async def main(http):
        credentials = await connected(http, publisher.platform)
        server.unsettled = times
        if works:
            assert (await publisher.platform.identify(http, credentials)).platform_user_id == SUB
        else:
            with pytest.raises(AuthRevoked):
                await publisher.platform.identify(http, credentials)

    publisher.run(main)


def test_an_expired_token_is_told_from_a_revoked_one(publisher, server):
    server.lifetime = -1

    async def main(http):
        credentials = await connected(http, publisher.platform)
        with pytest.raises(AuthExpired):
            await publisher.platform.identify(http, credentials)

    publisher.run(main)


def test_an_approved_app_renews(publisher, server, configured):
    server.renews = True
    platform = RenewingLinkedInPlatform(configured)

    async def main(http):
        credentials = await connected(http, platform)
        fresh = await platform.refresh(http, credentials)
        assert fresh.access_token != credentials.access_token
        assert fresh.refresh_token == credentials.refresh_token
        server.refresh_tokens.clear()
        with pytest.raises(AuthRevoked):
            await platform.refresh(http, fresh)

    publisher.run(main)


def test_what_is_declared_is_what_an_app_for_members_may_do():
    platform = LinkedInPlatform(LinkedInSettings())
    assert platform.features == {Feature.DELETE, Feature.MEDIA}
    assert (platform.delivery.refresh, platform.delivery.read_back) == ("none", "no")
    assert not platform.connection.pkce
    assert platform.connection.client_auth == "body"


def test_scopes_and_pkce_are_settings(monkeypatch):
    monkeypatch.setenv("PASSIVEPOST_PLATFORM_LINKEDIN_SCOPES", "openid profile")
    monkeypatch.setenv("PASSIVEPOST_PLATFORM_LINKEDIN_PKCE", "true")
    monkeypatch.setenv("PASSIVEPOST_PLATFORM_LINKEDIN_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("PASSIVEPOST_PLATFORM_LINKEDIN_CLIENT_SECRET", CLIENT_SECRET)
    connection = LinkedInPlatform(LinkedInSettings()).connection
    assert connection.scopes == ["openid", "profile"]
    assert connection.pkce
    assert (connection.client_id, connection.client_secret) == (CLIENT_ID, CLIENT_SECRET)


@pytest.mark.parametrize("version", ["2026", "202613", "202600", "2026-04", "latest", ""])
def test_a_version_is_a_month(version):
    with pytest.raises(ValidationError):
        LinkedInSettings(version=version)


@pytest.mark.parametrize(
    ("version", "today", "status", "words"),
    [
        ("202604", date(2026, 4, 1), "ok", ""),
        ("202604", date(2027, 1, 31), "ok", ""),
        ("202604", date(2027, 2, 1), "warn", "10 months old"),
        ("202604", date(2027, 9, 1), "warn", "17 months old"),
        ("202604", date(2026, 3, 31), "warn", "not out yet"),
    ],
)
def test_the_end_of_a_version_is_told_in_time(version, today, status, words):
    health = version_health(LinkedInSettings(client_id="app", version=version), today)
    assert health.status == status
    assert words in health.detail
    assert ("PASSIVEPOST_PLATFORM_LINKEDIN_VERSION" in health.advice) == (status == "warn")


def test_who_does_not_use_linkedin_is_not_bothered():
    assert version_health(LinkedInSettings(version="202001"), date(2026, 11, 1)).status == "ok"
