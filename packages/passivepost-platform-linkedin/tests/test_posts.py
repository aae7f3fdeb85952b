"""Posts against a double of LinkedIn that is strict about requests and keeps a ledger."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.linkedin_double import AUTHOR
from tests.support.linkedin_schemas import shown

from passivepost.api import Content, NotSent, Part, Rejected, Retryable
from passivepost.testing.client import CutOff, HttpxClient
from passivepost_platform_linkedin import media as uploading
from passivepost_platform_linkedin.client import LinkedInApi


def test_words_arrive_as_they_were_typed(publisher, server):
    text = "New (and *better*): bread_rolls at nine!\n\n#bread 🥐 https://example.com/a_(b)?c=1"
    published = publisher.send(text)
    (post,) = server.posts
    assert shown(post["commentary"]) == (text, ["bread"])
    assert post["author"] == AUTHOR
    assert "content" not in post
    assert list(published.ids) == [server.accepted()[0].id]
    assert published.url == f"{server.url}/feed/update/{published.ids[0]}"


def test_a_picture_with_its_alt_text(publisher, server, file):
    publisher.send("A loaf", file(7, size=3000, alt="A red (!) loaf"))
    (post,), (urn,) = server.posts, server.uploads
    assert post["content"] == {"media": {"id": urn, "altText": "A red (!) loaf"}}  # no little text
    assert server.uploads[urn].owner == AUTHOR
    assert server.uploads[urn].parts == {0: bytes([7]) * 3000}


@pytest.mark.parametrize("count", [2, 20])
def test_many_pictures_in_their_order(publisher, server, file, count):
    published = publisher.send("Loaves", *(file(n, alt=f"{n}" * (n % 2)) for n in range(count)))
    images = server.posts[0]["content"]["multiImage"]["images"]
    assert [server.uploads[each["id"]].parts[0][0] for each in images] == [*range(count)]
    assert [each.get("altText", "") for each in images] == [f"{n}" * (n % 2) for n in range(count)]
    assert published.ids[0].startswith("urn:li:ugcPost:")


def test_a_video_goes_up_in_pieces_and_is_waited_for(publisher, server, file):
    publisher.send("Moving", file(3, "video/mp4", 2500, "not for videos"))
    ((urn, video),) = server.uploads.items()
    assert [len(piece) for _, piece in sorted(video.parts.items())] == [1000, 1000, 500]
    assert server.posts[0]["content"] == {"media": {"id": urn}}
    assert video.polls == 2


def test_a_video_that_takes_long_is_uploaded_once(publisher, server, file):
    server.video_polls = 10**6
    publisher.platform.settings.media_wait_seconds = 0.005
    for _ in range(2):
        with pytest.raises(Retryable) as caught:
            publisher.send("Moving", file(3, "video/mp4", 1500))
        assert caught.value.retry_after == 30
    assert server.posts == []
    server.video_polls = 0
    publisher.send("Moving", file(3, "video/mp4", 1500))
    assert len(server.uploads) == len(server.posts) == 1


def test_a_video_linkedin_cannot_use(publisher, server, file):
    server.video_fails = "the codec is not known"
    with pytest.raises(Rejected, match="codec is not known"):
        publisher.send("Moving", file(3, "video/mp4", 1500))


def test_uploads_are_used_again_for_a_day(publisher, server, file):
    server.says.append(None)
    publisher.send("one", file(1))
    publisher.send("two", file(1))
    assert len(server.uploads) == 1
    publisher.noted["media_at"] -= uploading.FRESH + 1
    publisher.send("three", file(1))
    assert len(server.uploads) == 2


def test_a_post_never_goes_out_without_its_pictures(publisher, server, file):
    publisher.platform.prepare = lambda call: _nothing()
    with pytest.raises(Retryable, match="not uploaded"):
        publisher.send("one", file(1))
    assert server.posts == []


async def _nothing():
    return {}


def test_the_card_of_a_link(publisher, server):
    card = {"title": "How (we) bake", "description": "In three steps"}
    publisher.send(
        "Read https://example.com/a_b. And https://example.org",
        options={"linkedin": {"article": card}, "other": {"article": 1}},
    )
    assert server.posts[0]["content"] == {"article": {"source": "https://example.com/a_b", **card}}


@pytest.mark.parametrize(
    ("text", "article", "word"),
    [
        ("no link", {"title": "T"}, "needs a link"),
        ("https://example.com", {}, "needs a title"),
        ("https://example.com", {"title": " "}, "needs a title"),
        ("https://example.com", {"title": "T", "thumbnail": "x"}, "takes a title"),
        ("https://example.com", {"title": 1}, "are texts"),
        ("https://example.com", "T", "takes a title"),
    ],
)
def test_what_makes_no_card_is_said_while_typing(platform, text, article, word):
    content = Content(parts=(Part(text=text),), options={"linkedin": {"article": article}})
    (fault,) = platform.validate(content)
    assert word in fault


def test_mixtures_and_huge_pictures_are_refused_before_sending(platform, file):
    def faults(*media, **options):
        return platform.validate(Content(parts=(Part(text="x", media=media),), options=options))

    assert "mixture" in faults(file(), file(mime="video/mp4"))[0]
    card = {"article": {"title": "T"}}
    assert "either files or the card" in faults(file(), linkedin=card)[0]
    huge = type(file())(url="x", mime="image/png", size=9, width=8000, height=5000, load=None)
    assert "36,152,320 pixels" in faults(huge)[0]
    assert faults(file(), file()) == faults(file(mime="video/mp4")) == []


def test_delete_takes_the_id_as_it_was_given(publisher, server):
    published = publisher.send("soon gone")
    for _ in range(2):
        publisher.run(
            lambda http: publisher.platform.delete(http, publisher.account, published.ids[0])
        )
    assert [post.live for post in server.accepted()] == [False]


def test_the_id_is_read_from_the_address_where_a_proxy_took_the_header(publisher, server):
    class Proxied(HttpxClient):
        async def request(self, method, url, **kwargs):
            answer = await super().request(method, url, **kwargs)
            answer.headers.pop("x-restli-id", None)
            return answer

    publisher.run = lambda work: _with(Proxied, work)
    assert list(publisher.send("hello").ids) == [server.accepted()[0].id]


def test_a_cut_connection_is_never_answered_by_a_second_send(publisher, server, file):
    publisher.run = lambda work: _with(CutOff, work)
    with pytest.raises(Exception, match="cut"):
        publisher.send("hello")
    assert len(server.posts) == 1
    with pytest.raises(Exception, match="cut"):  # while uploading: nothing is live
        publisher.send("hello", file(1))
    assert len(server.posts) == 1


def _with(kind, work):
    async def main():
        async with kind() as http:
            return await work(http)

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://www.linkedin.com/dms-uploads/x", True),
        ("https://linkedin.com/x", True),
        ("http://www.linkedin.com/x", False),
        ("https://linkedin.com.evil.example/x", False),
        ("https://evillinkedin.com/x", False),
        ("https://linkedin.com@evil.example/x", False),
    ],
)
def test_files_and_token_go_to_linkedin_only(url, good):
    sent = []

    class Http:
        async def request(self, method, url, **kwargs):
            sent.append(url)
            raise NotSent("nobody listens")

    async def main():
        await LinkedInApi(Http(), "https://api.linkedin.com", "token", "202604").put(url, b"x")

    with pytest.raises(Exception, match="listens" if good else "not its own"):
        asyncio.run(main())
    assert sent == [url] * good
