"""The platform against Bluesky's own server: what it says is what the docs do not always say."""

from __future__ import annotations

import asyncio
import struct
import zlib
from dataclasses import replace
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from tests.support.cutting import cutting_proxy

from passivepost.api import (
    Account,
    AuthExpired,
    AuthRevoked,
    Content,
    Media,
    Part,
    Publish,
    Rejected,
)
from passivepost_platform_bluesky.platform import BlueskyPlatform
from passivepost_platform_bluesky.settings import BlueskySettings

pytestmark = pytest.mark.peer


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" + b"\xff\0\0" * 2 + b"\0" + b"\0\0\xff" * 2)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.fixture
def platform(pds):
    return BlueskyPlatform(BlueskySettings(resolver_url=pds.url, plc_url=pds.plc_url))


def run(coroutine_function):
    async def main():
        async with httpx.AsyncClient(timeout=10) as http:
            return await coroutine_function(http)

    return asyncio.run(main())


async def connected(http, platform, pds) -> Account:
    credentials = await platform.connect(
        http, {"handle": f"@{pds.handle}", "app_password": pds.app_password, "server": ""}
    )
    identity = await platform.identify(http, credentials)
    return Account(
        id=uuid4(),
        platform_user_id=identity.platform_user_id,
        username=identity.username,
        credentials=credentials,
    )


def publishing(http, account, *parts: Part) -> Publish:
    noted: dict = {}

    async def checkpoint(progress):
        noted.update(progress)

    call = Publish(
        http=http,
        account=account,
        content=Content(parts=parts),
        post_id=uuid4(),
        key=str(uuid4()),
        progress=noted,
        checkpoint=checkpoint,
    )
    return call


async def send(platform, call):
    call = replace(call, progress=await platform.prepare(call))
    return call, await platform.publish(call)


def record_of(pds, uri: str):
    return next(record for record in pds.records() if record["uri"] == uri)["value"]


def test_connects_by_handle_and_finds_the_server(platform, pds):
    async def main(http):
        account = await connected(http, platform, pds)
        assert account.platform_user_id == pds.did
        assert account.username == "alice.test"
        assert account.credentials.extra["server"] == pds.url
        assert account.credentials.expires_at is not None
        assert pds.app_password not in repr(account)

    run(main)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"handle": "alice.test", "app_password": "wrong"}, "does not accept"),
        ({"handle": "nobody.test", "app_password": "x"}, "No account"),
    ],
)
def test_says_what_is_wrong_with_what_was_typed(platform, pds, values, word):
    with pytest.raises(Rejected, match=word):
        run(lambda http: platform.connect(http, values))


def test_text_with_link_and_mention(platform, pds):
    async def main(http):
        account = await connected(http, platform, pds)
        text = "Grüße 👋 @alice.test and @nobody.test, see example.com #sample"
        _, published = await send(platform, publishing(http, account, Part(text=text)))
        value = record_of(pds, published.ids[0])
        assert value["text"] == text
        raw = text.encode()
        marked = {
            raw[f["index"]["byteStart"] : f["index"]["byteEnd"]].decode(): f["features"][0]
            for f in value["facets"]
        }
        assert marked["@alice.test"]["did"] == pds.did
        assert marked["example.com"]["uri"] == "https://example.com"
        assert marked["#sample"]["tag"] == "sample"
        assert "@nobody.test" not in marked

    run(main)


def test_thread_with_a_picture(platform, pds):
    async def load() -> bytes:
        return png()

    picture = Media(
        url="https://example.com/a.png",
        mime="image/png",
        size=len(png()),
        alt="Two red dots above two blue ones",
        width=2,
        height=2,
        load=load,
    )

    async def main(http):
        account = await connected(http, platform, pds)
        parts = [Part(text="one", media=(picture,)), Part(text="two"), Part(text="three")]
        _, published = await send(platform, publishing(http, account, *parts))
        first, second, third = (record_of(pds, uri) for uri in published.ids)
        image = first["embed"]["images"][0]
        assert image["alt"] == picture.alt
        assert image["aspectRatio"] == {"width": 2, "height": 2}
        assert second["reply"]["parent"]["uri"] == published.ids[0]
        assert third["reply"]["root"]["uri"] == published.ids[0]
        assert third["reply"]["parent"]["uri"] == published.ids[1]

    run(main)


def test_a_repeat_is_the_same_record(platform, pds):
    async def main(http):
        account = await connected(http, platform, pds)
        call, first = await send(
            platform, publishing(http, account, Part(text="once"), Part(text="and again"))
        )
        before = len(pds.records())
        again = await platform.publish(replace(call, progress={**call.progress, "posted": []}))
        assert list(again.ids) == list(first.ids)
        assert len(pds.records()) == before

    run(main)


def test_an_answer_that_never_came_is_found_by_reading_back(platform, pds):
    async def main(http):
        account = await connected(http, platform, pds)
        with cutting_proxy(urlsplit(pds.url).port) as proxy:
            proxied = replace(
                account,
                credentials=replace(
                    account.credentials, extra={"server": f"http://127.0.0.1:{proxy.port}"}
                ),
            )
            call = publishing(http, proxied, Part(text="cut after the server had it"))
            call = replace(call, progress=await platform.prepare(call))
            assert list((await platform.find_published(call)).ids) == []
            proxy.match, proxy.cut = b"putRecord", 1
            with pytest.raises(httpx.TransportError):
                await platform.publish(call)
            assert proxy.swallowed == 1
            found = await platform.find_published(call)
            assert found.complete
            before = len(pds.records())
            published = await platform.publish(call)
        assert list(published.ids) == list(found.ids)
        assert len(pds.records()) == before

    run(main)


def test_refresh_and_what_a_dead_session_looks_like(platform, pds):
    async def main(http):
        account = await connected(http, platform, pds)
        fresh = await platform.refresh(http, account.credentials)
        assert fresh.access_token
        assert (await platform.identify(http, fresh)).platform_user_id == pds.did
        # A wrong token is a 400 there, not a 401.
        with pytest.raises(AuthExpired):
            await platform.identify(http, replace(fresh, access_token="e30.e30.e30"))
        with pytest.raises(AuthRevoked):
            await platform.refresh(http, replace(fresh, refresh_token=fresh.access_token))

    run(main)


def test_refuses_what_the_server_would_refuse(platform, pds):
    async def main(http):
        account = await connected(http, platform, pds)
        with pytest.raises(Rejected, match="grapheme too big"):
            await send(platform, publishing(http, account, Part(text="x" * 301)))

    run(main)


def test_delete_twice(platform, pds):
    async def main(http):
        account = await connected(http, platform, pds)
        _, published = await send(platform, publishing(http, account, Part(text="soon gone")))
        for _ in range(2):
            await platform.delete(http, account, published.ids[0])
        assert published.ids[0] not in {record["uri"] for record in pds.records()}

    run(main)
