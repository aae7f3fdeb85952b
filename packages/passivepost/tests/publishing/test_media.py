"""Files are recognised by what they are, fetched once, and held against the platform's limits."""

import asyncio
from types import SimpleNamespace

import pytest
from tests.support.media import file_server, png

from musekit.kernel.outbound.client import Outbound
from musekit.kernel.settings import CoreSettings
from passivepost.publishing import media
from passivepost.publishing.content import content_of
from passivepost.publishing.outcomes import MediaMissing
from passivepost.sdk.capabilities import Capabilities, MediaRule, TextRule
from passivepost.sdk.errors import Rejected

PLATFORM = SimpleNamespace(
    label="Net",
    capabilities=Capabilities(
        text=TextRule(limit=10),
        images=MediaRule(mimes=frozenset({"image/png"}), max_count=4, max_bytes=500),
    ),
)


def claim(*files, in_parts=True):
    parts = [{"text": "x", "media": [{"url": url, "alt": "a"} for url in files]}]
    return SimpleNamespace(
        platform=PLATFORM, files={}, text="x", options={}, media_urls=list(files),
        parts=parts if in_parts else [],
    )  # fmt: skip


def run(function, *ports):
    async def main():
        outbound = Outbound(CoreSettings(mode="test"))
        for port in ports:
            outbound.allow("127.0.0.1", port)
        async with outbound.open() as http:
            return await function(http)

    return asyncio.run(main())


@pytest.fixture
def files():
    with file_server() as server:
        yield server


@pytest.fixture
def go(files):
    return lambda function: run(function, int(files.url.rsplit(":", 1)[1]))


@pytest.mark.parametrize("in_parts", [True, False])
def test_a_picture_without_an_extension_is_recognised_and_fetched_once(files, go, in_parts):
    url = files.add("/picture?v=1", png())

    async def publish(http):
        files.files["/picture"] = png()
        post = claim(url, in_parts=in_parts)
        await media.look(post, http)
        (one,) = content_of(post, http).parts[0].media
        assert (one.mime, one.size, await one.load()) == ("image/png", len(png()), png())
        media.forget(post)
        assert post.files[url].data is None
        assert await one.load() == png()  # fetched anew: nothing is kept while it waits
        return files.fetched

    assert go(publish) == ["/picture", "/picture"]


@pytest.mark.parametrize(
    ("path", "data", "says"),
    [
        ("/a.png", b"GIF89a...", "takes only image/png; .*a.png is image/gif"),
        ("/b.png", png() + b"\0" * 500, "at most 500 bytes"),
    ],
)
def test_what_the_platform_does_not_take_is_refused_before_it_is_asked(files, go, path, data, says):
    url = files.add(path, data)
    with pytest.raises(Rejected, match=says):
        go(lambda http: media.look(claim(url), http))


def test_a_file_that_is_gone_says_so(files, go):
    with pytest.raises(MediaMissing, match="gone"):
        go(lambda http: media.look(claim(files.url + "/none.png"), http))


@pytest.mark.parametrize(
    ("data", "declared", "mime"),
    [
        (png(), "text/plain", "image/png"),
        (b"\xff\xd8\xff\xe0", "", "image/jpeg"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "", "image/webp"),
        (b"\0\0\0\x18ftypmp42", "", "video/mp4"),
        (b"\0\0\0\x14ftypqt  ", "", "video/quicktime"),
        (b"something", "Image/PNG; charset=x", "image/png"),
        (b"", "", ""),
    ],
)
def test_types_are_told_by_the_first_bytes(data, declared, mime):
    assert media.recognise(data, declared) == mime
