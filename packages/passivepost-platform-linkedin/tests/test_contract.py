"""The contract of platforms, against the double of LinkedIn."""

from __future__ import annotations

from uuid import uuid4

import pytest
from tests.support.linkedin_double import SUB

from passivepost.api import Account, Credentials
from passivepost.testing import PlatformContract
from passivepost_platform_linkedin.platform import RenewingLinkedInPlatform


class TestLinkedIn(PlatformContract):
    """As every app gets it; fixtures are those of the folder."""

    @pytest.fixture
    def server(self, server):
        return server

    @pytest.fixture
    def platform(self, platform):
        return platform

    @pytest.fixture
    def account(self, account):
        return account


class TestRenewing(TestLinkedIn):
    """As apps get it that LinkedIn approved for refresh tokens."""

    @pytest.fixture
    def platform(self, configured):
        return RenewingLinkedInPlatform(configured)

    @pytest.fixture
    def account(self, server):
        server.refresh_tokens.add("ARrefreshTokenOfTheDouble")
        tokens = Credentials(access_token=server.grant(), refresh_token="ARrefreshTokenOfTheDouble")
        return Account(id=uuid4(), platform_user_id=SUB, username="Sam", credentials=tokens)
