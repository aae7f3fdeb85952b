"""The platform against a double of X that is strict about requests and keeps a ledger."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from tests.support.x_double import CLIENT_ID, CLIENT_SECRET, x_double

from passivepost.api import (
    Account,
    AuthExpired,
    AuthRevoked,
    Content,
    Credentials,
    Duplicate,
    Media,
    OutcomeUnknown,
    Part,
    Publish,
    Rejected,
    Retryable,
)
from passivepost_platform_twitter.platform import TwitterPlatform
from passivepost_platform_twitter.settings import TwitterSettings


@pytest.fixture
def x():
    with x_double() as double:
        yield double
    assert double.invalid == [], "X would not have understood a request"


@pytest.fixture
def platform(x):
    return TwitterPlatform(
        TwitterSettings(
            client_id=CLIENT_ID,
            client_secret=SecretStr(CLIENT_SECRET),
            api_url=x.url,
            authorize_url=f"{x.url}/i/oauth2/authorize",
            media_wait_seconds=5,
        )
    )


def run(coroutine_function):
    async def main():
        async with httpx.AsyncClient(timeout=10) as http:
            return await coroutine_function(http)

    return asyncio.run(main())


def account_of(x) -> Account:
    granted = x.grant()
    credentials = Credentials(
        access_token=granted["access_token"], refresh_token=granted["refresh_token"]
    )
    return Account(id=uuid4(), platform_user_id="100", username="sample", credentials=credentials)


def publishing(http, account, *parts: Part, progress=None) -> Publish:
    noted: dict = progress if progress is not None else {}

    async def checkpoint(update):
        noted.update(update)

    return Publish(
        http=http,
        account=account,
        content=Content(parts=parts),
        post_id=uuid4(),
        key=str(uuid4()),
        progress=noted,
        checkpoint=checkpoint,
        armed_at=datetime.now(UTC),
    )


def picture(mime="image/png", size=5_000_000, alt="a sample"):
    data = bytes(size)

    async def load():
        return data

    return Media(url="https://example.com/a", mime=mime, size=size, alt=alt, load=load)


async def send(platform, call):
    return await platform.publish(replace(call, progress=await platform.prepare(call)))


def test_whole_oauth_flow(x, platform):
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    from passivepost.sdk.oauth import exchange, revoke

    verifier = "v" * 64

    async def main(http):
        answer = await http.get(
            platform.connection.authorize_url,
            params={
                "response_type": "code",
                "client_id": platform.connection.client_id,
                "redirect_uri": "http://127.0.0.1/callback",
                "scope": " ".join(platform.connection.scopes),
                "state": "s",
                "code_challenge": create_s256_code_challenge(verifier),
                "code_challenge_method": "S256",
            },
        )
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        credentials = await exchange(
            http,
            platform.connection,
            code=code,
            redirect_uri="http://127.0.0.1/callback",
            verifier=verifier,
        )
        assert (await platform.identify(http, credentials)).username == "sample"
        fresh = await platform.refresh(http, credentials)
        assert fresh.refresh_token != credentials.refresh_token
        with pytest.raises(AuthRevoked):  # used twice: the family is gone
            await platform.refresh(http, credentials)
        with pytest.raises(AuthExpired):
            await platform.identify(http, fresh)
        assert await revoke(http, platform.connection, fresh.access_token)

    run(main)


def test_thread_with_pictures_and_alt_text(x, platform):
    async def main(http):
        call = publishing(
            http, account_of(x), Part(text="one", media=(picture(),)), Part(text="two")
        )
        published = await send(platform, call)
        assert [post["body"]["text"] for post in x.accepted] == ["one", "two"]
        assert x.accepted[1]["body"]["reply"] == {"in_reply_to_tweet_id": published.ids[0]}
        (media,) = x.media.values()
        assert media["alt"] == "a sample"
        assert sorted(media["segments"]) == [0, 1]  # 5 MB in segments of 4 MiB
        assert media["media_category"] == "tweet_image"

    run(main)


def test_waits_for_a_video(x, platform):
    async def main(http):
        part = Part(text="moving", media=(picture("video/mp4", 1000, ""),))
        await send(platform, publishing(http, account_of(x), part))
        (media,) = x.media.values()
        assert media["polls"] == 2

    run(main)


def test_a_video_that_takes_long_is_uploaded_once(x, platform):
    x.video_polls = 20
    platform.settings.media_wait_seconds = 0.3

    async def main(http):
        noted: dict = {}
        part = Part(text="moving", media=(picture("video/mp4", 1000, "alt"),))
        account = account_of(x)
        for _ in range(2):
            with pytest.raises(Retryable) as caught:
                await send(platform, publishing(http, account, part, progress=noted))
            assert caught.value.retry_after == 30
        assert x.accepted == []
        x.video_polls = 0
        await send(platform, publishing(http, account, part, progress=noted))
        (media,) = x.media.values()
        assert media["alt"] == "alt"
        assert len(x.accepted) == 1

    run(main)


def test_an_interrupted_thread_goes_on_where_it_was(x, platform):
    x.faults.extend([None, "500_before"])

    async def main(http):
        noted: dict = {}
        account = account_of(x)
        parts = [Part(text="one"), Part(text="two"), Part(text="three")]
        with pytest.raises(OutcomeUnknown):
            await send(platform, publishing(http, account, *parts, progress=noted))
        assert len(noted["ids"]) == 1
        published = await platform.publish(publishing(http, account, *parts, progress=noted))
        assert len(published.ids) == 3
        assert [post["body"]["text"] for post in x.accepted] == ["one", "two", "three"]

    run(main)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("429", Retryable),
        ("429_day", Retryable),
        ("401", AuthExpired),
        ("403", Rejected),
        ("500_after", OutcomeUnknown),
    ],
)
def test_errors_are_told_apart(x, platform, fault, error):
    x.faults.append(fault)

    async def main(http):
        with pytest.raises(error) as caught:
            await send(platform, publishing(http, account_of(x), Part(text="hello")))
        if fault == "429":
            assert caught.value.rate_limited
            assert 0 < caught.value.retry_after <= 3
        if fault == "429_day":
            assert caught.value.retry_after > 3000

    run(main)


def test_a_repeat_is_refused_as_a_duplicate(x, platform):
    async def main(http):
        account = account_of(x)
        await send(platform, publishing(http, account, Part(text="same")))
        with pytest.raises(Duplicate) as caught:
            await send(platform, publishing(http, account, Part(text="same")))
        assert caught.value.existing_id is None

    run(main)


def test_reads_back_what_an_unclear_answer_left_open(x, platform):
    x.faults.extend([None, "500_after"])

    async def main(http):
        noted: dict = {}
        account = account_of(x)
        parts = [Part(text="one see example.com"), Part(text="two")]
        call = publishing(http, account, *parts, progress=noted)
        with pytest.raises(OutcomeUnknown):
            await send(platform, call)
        found = await platform.find_published(call)
        assert found.complete
        assert list(found.ids) == [post["id"] for post in x.accepted]
        absent = await platform.find_published(publishing(http, account, Part(text="never")))
        assert absent.ids == []

    run(main)


@pytest.mark.parametrize(
    "text",
    [
        'read https://example.com/a?b=1&c=2 & “quote” <this> "too"',
        "bare example.com, then https://example.org/x",
        "literally &amp; and &lt;",
        "two  spaces\nand a line ",
    ],
)
def test_recognises_its_text_as_x_shows_it(x, platform, text):
    x.faults.append("500_after")

    async def main(http):
        account = account_of(x)
        call = publishing(http, account, Part(text=text, media=(picture(size=100),)))
        with pytest.raises(OutcomeUnknown):
            await send(platform, call)
        assert (await platform.find_published(call)).complete

    run(main)


def test_a_link_that_x_rewrote_leaves_it_open(x, platform):
    async def main(http):
        account = account_of(x)
        await send(platform, publishing(http, account, Part(text="read https://example.com/a")))
        other = publishing(http, account, Part(text="read https://example.com/b"))
        assert await platform.find_published(other) is None

    run(main)


def test_a_refused_second_part_keeps_the_first_and_its_media(x, platform):
    x.faults.extend([None, "403"])

    async def main(http):
        noted: dict = {}
        account = account_of(x)
        parts = [Part(text="one", media=(picture(size=10),)), Part(text="two")]
        with pytest.raises(Rejected, match="before part 2 are live"):
            await send(platform, publishing(http, account, *parts, progress=noted))
        assert noted["ids"] == [x.accepted[0]["id"]]
        # A day later the uploads are gone, but those of parts that are live are not needed.
        noted["media_at"] = 0
        await send(platform, publishing(http, account, *parts, progress=noted))
        assert [post["body"]["text"] for post in x.accepted] == ["one", "two"]
        assert len(x.media) == 1

    run(main)


def test_media_ids_of_a_day_ago_are_not_used(x, platform):
    async def main(http):
        call = publishing(http, account_of(x), Part(text="one", media=(picture(size=10),)))
        first = await platform.prepare(call)
        assert await platform.prepare(replace(call, progress=first)) == first
        later = await platform.prepare(replace(call, progress={**first, "media_at": 0}))
        assert later["media"] != first["media"]

    run(main)


def test_metrics_and_delete(x, platform):
    async def main(http):
        account = account_of(x)
        published = await send(platform, publishing(http, account, Part(text="count me")))
        metrics = await platform.fetch_metrics(http, account, [published.ids[0], "1"])
        assert metrics[published.ids[0]].likes == 5
        assert metrics[published.ids[0]].shares == 2
        assert metrics[published.ids[0]].extra == {"quotes": 1, "bookmarks": 4}
        for _ in range(2):
            await platform.delete(http, account, published.ids[0])
        assert x.posts == {}

    run(main)


def test_mixtures_of_media_are_refused_before_sending(platform):
    part = Part(text="both", media=(picture(), picture("video/mp4")))
    assert "mixture" in platform.validate(Content(parts=(part,)))[0]
    gif = picture("image/gif", 16 * 1024 * 1024)
    assert "15 MB" in platform.validate(Content(parts=(Part(text="big", media=(gif,)),)))[0]
    assert platform.validate(Content(parts=(Part(text="", media=(picture("image/gif"),)),))) == []
