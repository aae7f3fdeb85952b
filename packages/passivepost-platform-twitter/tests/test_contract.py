"""The contract of platforms, against the double of X."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from pydantic import SecretStr
from tests.support.x_double import CLIENT_ID, CLIENT_SECRET, XDouble, x_double

from passivepost.api import Account, Credentials
from passivepost.testing import Accepted, Fault, PlatformContract
from passivepost_platform_twitter.platform import TwitterPlatform
from passivepost_platform_twitter.settings import TwitterSettings


class Server:
    """The double, as the contract wants it."""

    WORDS = {
        Fault.RATE_LIMIT: "429",
        Fault.EXPIRED: "401",
        Fault.REJECT: "403",
        Fault.DUPLICATE: "duplicate",
        Fault.REDIRECT: "302",
        Fault.ERROR_AFTER_ACCEPT: "500_after",
        Fault.CUT_AFTER_ACCEPT: "cut_after",
    }

    def __init__(self, x: XDouble):
        self.x, self.url = x, x.url

    def arm(self, fault, *, skip=0, retry_after=30.0):
        self.x.rate_limit_seconds = round(retry_after)
        self.x.faults.extend([*[None] * skip, self.WORDS[fault]])

    def accepted(self):
        return [
            Accepted(
                id=post["id"],
                text=post["body"]["text"],
                reply_to=(post["body"].get("reply") or {}).get("in_reply_to_tweet_id"),
                live=post["id"] in self.x.posts,
                at=datetime.fromtimestamp(post["at"], UTC),
            )
            for post in self.x.accepted
        ]


class TestTwitter(PlatformContract):
    impossible = {Fault.REVOKED: "X answers 401 as to an expired one; the refresh tells"}

    @pytest.fixture
    def server(self):
        with x_double() as x:
            yield Server(x)
        assert x.invalid == [], "X would not have understood a request"

    @pytest.fixture
    def platform(self, server):
        return TwitterPlatform(
            TwitterSettings(
                client_id=CLIENT_ID,
                client_secret=SecretStr(CLIENT_SECRET),
                api_url=server.url,
                authorize_url=f"{server.url}/i/oauth2/authorize",
            )
        )

    @pytest.fixture
    def account(self, server):
        tokens = server.x.grant()
        return Account(
            id=uuid4(),
            platform_user_id="100",
            username="sample",
            credentials=Credentials(
                access_token=tokens["access_token"], refresh_token=tokens["refresh_token"]
            ),
        )
