"""LinkedIn as a double, the platform set up for it, and the publisher's way to call it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from pydantic import SecretStr
from tests.support.linkedin_double import CLIENT_ID, CLIENT_SECRET, SUB, LinkedInDouble

from passivepost.api import Account, Content, Credentials, Media, Part, Publish
from passivepost.testing import HttpxClient
from passivepost_platform_linkedin import media as uploading
from passivepost_platform_linkedin.platform import LinkedInPlatform
from passivepost_platform_linkedin.settings import LinkedInSettings


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(uploading, "POLL", 0.01)
    with LinkedInDouble() as network:
        yield network
    assert network.invalid == [], "LinkedIn would not have understood a request"


@pytest.fixture
def configured(server):
    return LinkedInSettings(
        client_id=CLIENT_ID,
        client_secret=SecretStr(CLIENT_SECRET),
        api_url=server.url,
        site_url=server.url,
        image_wait_seconds=0,
        media_wait_seconds=5,
        new_token_seconds=0,
    )


@pytest.fixture
def platform(configured):
    return LinkedInPlatform(configured)


@pytest.fixture
def account(server):
    credentials = Credentials(access_token=server.grant())
    return Account(id=uuid4(), platform_user_id=SUB, username="Sam Ample", credentials=credentials)


class Publisher:
    """Prepares and publishes as the publisher does; `noted` is what it would have stored."""

    def __init__(self, platform, account):
        self.platform, self.account = platform, account
        self.noted: dict = {}

    def run(self, work):
        async def main():
            async with HttpxClient() as http:
                return await work(http)

        return asyncio.run(main())

    def send(self, text="hello", *media, options=None):
        """One attempt."""
        content = Content(parts=(Part(text=text, media=media),), options=options or {})

        async def checkpoint(progress):
            self.noted = dict(progress)

        async def work(http):
            call = Publish(
                http=http,
                account=self.account,
                content=content,
                post_id=uuid4(),
                key=str(uuid4()),
                progress=self.noted,
                checkpoint=checkpoint,
            )
            assert self.platform.validate(content) == []
            if media:
                self.noted = dict(await self.platform.prepare(call))
            return await self.platform.publish(replace(call, progress=self.noted))

        return self.run(work)


@pytest.fixture
def publisher(platform, account):
    return Publisher(platform, account)


@pytest.fixture
def file():
    """Make a file: its number is its content."""

    def make(number=0, mime="image/png", size=10, alt=""):
        data = bytes([number]) * size

        async def load():
            return data

        return Media(url=f"https://example.com/{number}", mime=mime, size=size, alt=alt, load=load)

    return make
