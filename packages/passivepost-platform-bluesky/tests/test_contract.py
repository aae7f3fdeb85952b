"""The contract of platforms, against a double; test_real_server.py asks the real server."""

from __future__ import annotations

from uuid import uuid4

import pytest
from tests.support.bsky_double import DID, BlueskyDouble

from passivepost.api import (
    Account,
    AuthRevoked,
    Content,
    Credentials,
    Media,
    Part,
    Rejected,
    Retryable,
)
from passivepost.testing import Fault, PlatformContract
from passivepost_platform_bluesky.platform import BlueskyPlatform
from passivepost_platform_bluesky.settings import BlueskySettings


class TestBluesky(PlatformContract):
    impossible = {Fault.DUPLICATE: "the same text twice is two posts, the same key is one"}

    @pytest.fixture
    def server(self):
        with BlueskyDouble() as network:
            yield network

    @pytest.fixture
    def platform(self, server):
        urls = {"resolver_url": server.url, "plc_url": server.url, "appview_url": server.url}
        return BlueskyPlatform(BlueskySettings(**urls))

    @pytest.fixture
    def account(self, server):
        return Account(
            id=uuid4(),
            platform_user_id=DID,
            username="alice.test",
            credentials=Credentials(
                access_token=next(iter(server.access_tokens)),
                refresh_token=server.refresh_token,
                extra={"server": server.url},
            ),
        )

    def test_a_thread_refused_midway_tells_what_is_live(self, rig, server):
        server.arm(Fault.REJECT, skip=1)
        result = rig.attempt("one", "two")
        result.raised(Rejected, why="the second part was refused")
        assert result.progress["ids"] == [server.accepted()[0].id]

    def test_a_dead_refresh_token_is_a_revoked_grant(self, rig, account):
        rig.run(lambda http: rig.platform.refresh(http, account.credentials))
        with pytest.raises(AuthRevoked):
            rig.run(lambda http: rig.platform.refresh(http, account.credentials))

    def test_a_dropped_blob_is_uploaded_again(self, rig, server, account):
        loads = []

        async def load():
            loads.append(1)
            return b"\x89PNG picture"

        media = Media(url="x", mime="image/png", size=12, alt="a loaf", load=load)
        content = Content(parts=(Part(text="one", media=(media,)), Part(text="two")))

        async def attempt(http, progress, *, forget=False):
            call = replace_content(rig.call(http, "", progress=progress), content)
            noted = await rig.platform.prepare(call)
            if forget:
                server.blobs.clear()
            return noted, rig.platform.publish(replace_content(call, content, progress=noted))

        async def go(http):
            noted, sending = await attempt(http, {}, forget=True)
            with pytest.raises(Retryable):
                await sending
            _, sending = await attempt(http, noted)
            return await sending

        published, _ = rig.run(go)
        assert len(loads) == 2
        assert [post.text for post in server.accepted()] == ["one", "two"]
        (record, _) = server.records.values()
        assert record["value"]["embed"]["images"][0]["alt"] == "a loaf"
        assert len(published.ids) == 2


def replace_content(call, content, **more):
    facts = {name: getattr(call, name) for name in call.__slots__}
    return type(call)(**{**facts, "content": content, **more})
