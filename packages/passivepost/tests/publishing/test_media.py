"""Files are recognised by what they are, fetched once, and held against the platform's limits."""

import asyncio
import hashlib
import struct
from types import SimpleNamespace

import pytest
from tests.support.media import file_server, png

from musekit.kernel.outbound.client import Outbound
from musekit.kernel.settings import CoreSettings
from passivepost.publishing import media
from passivepost.publishing.content import content_of
from passivepost.publishing.outcomes import MediaMissing
from passivepost.publishing.pictures import size_of
from passivepost.sdk.capabilities import Capabilities, MediaRule, TextRule
from passivepost.sdk.errors import Rejected, Retryable

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
        parts=parts if in_parts else [], progress={},
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
        await media.look(post, http, 1000)
        (one,) = content_of(post, http).parts[0].media
        assert (one.mime, one.size, await one.load()) == ("image/png", len(png()), png())
        assert (one.width, one.height) == (2, 2)
        media.forget(post)
        assert post.files[url].data is None
        assert await one.load() == png()  # fetched anew: nothing is kept while it waits
        return files.fetched

    assert go(publish) == ["/picture", "/picture"]


def test_a_part_that_is_live_needs_its_picture_no_more(files, go):
    kept = files.add("/kept.png", png())

    async def publish(http):
        post = claim(kept)
        post.parts.insert(0, {"text": "live", "media": [{"url": f"{files.url}/gone.png"}]})
        post.progress = {"ids": ["1"]}
        await media.look(post, http, 1000)
        return list(post.files)

    assert go(publish) == [kept]


def test_only_so_many_bytes_are_kept(files, go, monkeypatch):
    monkeypatch.setattr(media, "KEEP", 2 * len(png()))
    urls = [files.add(f"/{number}.png", png()) for number in range(3)]

    async def publish(http):
        post = claim(*urls)
        await media.look(post, http, 1000)
        for one in content_of(post, http).parts[0].media:
            assert await one.load() == png()
        return files.fetched

    assert go(publish) == ["/0.png", "/1.png", "/2.png", "/2.png"]


@pytest.mark.parametrize(
    ("path", "data", "says"),
    [
        ("/a.png", b"GIF89a...", "takes only image/png; .*a.png is image/gif"),
        ("/b.png", png() + b"\0" * 500, "larger than 500 bytes"),
        ("/c.png", png() + b"\0" * 50_000, "larger than 500 bytes"),
    ],
)
def test_what_the_platform_does_not_take_is_refused_before_it_is_asked(files, go, path, data, says):
    url = files.add(path, data)
    with pytest.raises(Rejected, match=says):
        go(lambda http: media.look(claim(url), http, 1000))


def test_an_address_that_may_not_be_called_is_refused_for_good(files):
    url = files.add("/a.png", png())
    with pytest.raises(Rejected, match="cannot be fetched"):
        run(lambda http: media.look(claim(url), http, 1000))
    assert files.fetched == []


def test_a_file_that_is_not_the_chosen_one_is_held(files, go):
    post = claim(files.add("/a.png", png()))
    post.parts[0]["media"][0]["digest"] = hashlib.sha256(png()).hexdigest()
    go(lambda http: media.look(post, http, 1000))
    files.add("/a.png", png(b"\0\xff\0"))
    post.files.clear()
    with pytest.raises(MediaMissing, match="changed"):
        go(lambda http: media.look(post, http, 1000))


def test_a_file_server_in_trouble_is_asked_again_later(go, files):
    port = int(files.url.rsplit(":", 1)[1])
    with pytest.raises(Retryable):
        run(lambda http: media.look(claim("http://127.0.0.1:9/a.png"), http, 1000), port, 9)


def test_a_file_that_is_gone_says_so(files, go):
    with pytest.raises(MediaMissing, match="gone"):
        go(lambda http: media.look(claim(files.url + "/none.png"), http, 1000))


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


def jpeg(orientation=None):
    """Begin a JPEG of 640 × 480: Exif if asked for, a quantisation table, then the frame."""
    exif = b""
    if orientation:
        tiff = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
        exif = b"\xff\xe1" + struct.pack(">H", 8 + len(tiff)) + b"Exif\0\0" + tiff
    table = b"\xff\xdb" + struct.pack(">H", 67) + bytes(65)
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, 480, 640, 3) + bytes(9)
    return b"\xff\xd8" + exif + table + frame


def webp(kind, body):
    return b"RIFF\0\0\0\0WEBP" + kind + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (png(), (2, 2)),
        (b"GIF89a" + struct.pack("<HH", 320, 200), (320, 200)),
        (jpeg(), (640, 480)),
        (jpeg(orientation=1), (640, 480)),
        (jpeg(orientation=6), (480, 640)),
        (webp(b"VP8X", bytes(4) + b"\x7f\x02\0" + b"\xdf\x01\0"), (640, 480)),
        (webp(b"VP8L", b"\x2f" + struct.pack("<I", 639 | 479 << 14)), (640, 480)),
        (webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 480)), (640, 480)),
        (b"", (0, 0)),
        (b"\xff\xd8\xff", (0, 0)),
        (b"\xff\xd8\xff\xe1\0\x08Exif\0\0", (0, 0)),
        (png()[:20], (0, 0)),
        (b"\0\0\0\x18ftypmp42", (0, 0)),
    ],
)
def test_sides_are_read_from_headers(data, size):
    assert size_of(data) == size


def test_headers_cut_anywhere_are_no_error():
    for whole in (png(), jpeg(), jpeg(6), webp(b"VP8X", bytes(14))):
        for end in range(len(whole)):
            size_of(whole[:end])
