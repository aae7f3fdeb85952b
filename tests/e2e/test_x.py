"""X: connected by OAuth in a browser, published to by a worker, against a strict double."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from tests.e2e.conftest import Deploy
from tests.support import x_double, x_schemas
from tests.support.deployment import Deployment, Person
from tests.support.media import FileServer, png
from tests.support.x_double import XDouble


@pytest.fixture(scope="module")
def double(services: dict[str, str]) -> Iterator[XDouble]:
    with x_double.x_double() as made:
        yield made


@pytest.fixture(scope="module")
def deployment(deploy: Deploy, double: XDouble, files: FileServer) -> Deployment:
    made = deploy(
        MUSEKIT_OUTBOUND_ALLOW=json.dumps([urlsplit(u).netloc for u in (double.url, files.url)]),
        PASSIVEPOST_PLATFORM_TWITTER_CLIENT_ID=x_double.CLIENT_ID,
        PASSIVEPOST_PLATFORM_TWITTER_CLIENT_SECRET=x_double.CLIENT_SECRET,
        PASSIVEPOST_PLATFORM_TWITTER_API_URL=double.url,
        PASSIVEPOST_PLATFORM_TWITTER_AUTHORIZE_URL=f"{double.url}/i/oauth2/authorize",
        PASSIVEPOST_PLATFORM_TWITTER_LONGEST_CALL_SECONDS="3",
        PASSIVEPOST_DEFAULT_TIER="tier_3",
        PASSIVEPOST_POLL_SECONDS="0.5",
        PASSIVEPOST_SWEEP_SECONDS="1",
        PASSIVEPOST_RETRY_BASE_SECONDS="0.5",
        PASSIVEPOST_RECONCILE_SECONDS="[0.5, 1, 2, 4]",
        PASSIVEPOST_PUBLISH_RATE_LIMIT_JITTER="0.2",
        PASSIVEPOST_PUBLISH_RESEND_QUIET="0",
    )
    made.serve()
    made.worker()
    return made


@pytest.fixture(scope="module")
def person(deployment: Deployment, double: XDouble) -> Person:
    """Somebody who has connected X in the browser."""
    made = deployment.sign_up()
    account = made.connect("twitter", httpx.get)
    assert (account["platform_user_id"], account["platform_username"]) == ("100", "sample")
    assert set(account["scopes"]) >= {"tweet.write", "media.write", "offline.access"}
    secrets = [*double.access, *(grant.refresh for grant in double.access.values())]
    assert len(secrets) == 2
    shown = json.dumps([account, made.api("GET", "/accounts")])
    assert not [secret for secret in secrets if secret in shown]
    return made


@pytest.fixture(autouse=True)
def judged(double: XDouble) -> Iterator[None]:
    """Whatever a test does: X must have understood every request, and no fault is left over."""
    yield
    assert double.invalid == []
    assert not double.faults


@pytest.fixture
def mark() -> str:
    return uuid4().hex[:8]


def taken(double: XDouble, mark: str) -> list[dict[str, Any]]:
    """Everything X ever took that holds a mark, in order."""
    return [post for post in double.accepted if mark in post["body"].get("text", "")]


def test_a_token_alone_cannot_connect_but_its_user_can_go_on_in_the_browser(person, double):
    before = len(double.access)
    refused = person.api("POST", "/connect", {"platform": "twitter"}, status=403)
    link = urlsplit(refused["continue_url"])
    assert httpx.get(refused["continue_url"]).status_code == 401
    sent_on = person.browser.get(link.path)
    assert sent_on.status_code == 303
    account = person.come_back(httpx.get(sent_on.headers["location"]))
    assert account["platform_user_id"] == "100"
    assert person.browser.get(link.path).status_code >= 400  # the link works once
    assert len(double.access) == before + 1
    assert len(person.api("GET", "/accounts")["items"]) == 1


def test_the_way_back_is_of_one_browser_and_of_one_use(person, deployment, double):
    begun = person.done("POST", "/api/social/connect", {"platform": "twitter"})
    back = httpx.get(begun["authorize_url"]).headers["location"]
    other = deployment.sign_up()
    codes, tokens = len(double.codes), len(double.access)
    assert other.browser.get(back).status_code == 403
    assert httpx.get(back).status_code == 401
    assert (len(double.codes), len(double.access)) == (codes, tokens)  # nothing was redeemed
    assert person.browser.get(back).status_code == 200
    assert person.browser.get(back).status_code == 403


def test_text_thread_and_picture_go_out(person, double, files, mark):
    picture = files.add(f"/{mark}", png())  # no extension: the file itself says what it is
    posts = [
        person.schedule("twitter", 1, content=f"Bread at nine {mark} https://example.com/a"),
        person.schedule("twitter", 1, parts=[{"text": f"{n}/3 {mark}"} for n in (1, 2, 3)]),
        person.schedule(
            "twitter", 1, content=f"A loaf {mark}", media=[{"url": picture, "alt": "A red loaf"}]
        ),
    ]
    done = [person.until(post, "posted") for post in posts]
    sent = {post["body"]["text"]: post for post in taken(double, mark)}
    assert len(sent) == len(taken(double, mark)) == 5
    assert [post["platform_post_id"] for post in done] == [
        sent[text]["id"]
        for text in (f"Bread at nine {mark} https://example.com/a", f"1/3 {mark}", f"A loaf {mark}")
    ]
    assert "reply" not in sent[f"1/3 {mark}"]["body"]
    for n in (2, 3):
        parent = sent[f"{n - 1}/3 {mark}"]["id"]
        assert sent[f"{n}/3 {mark}"]["body"]["reply"] == {"in_reply_to_tweet_id": parent}
    (media_id,) = sent[f"A loaf {mark}"]["body"]["media"]["media_ids"]
    media = double.media[media_id]
    assert b"".join(chunk for _, chunk in sorted(media["segments"].items())) == png()
    assert (media["media_type"], media["alt"]) == ("image/png", "A red loaf")


def test_after_a_429_no_call_is_made_before_the_reset(person, double, mark):
    double.faults.append("429")
    calls = len(double.creates)
    first = person.schedule("twitter", 0.5, content=f"first {mark}")
    second = person.schedule("twitter", 0.7, content=f"second {mark}")
    third = person.schedule("twitter", 1.5, content=f"third {mark}")
    done = [person.until(post, "posted") for post in (first, second, third)]
    reset = double.resets[-1]
    refused, *later = double.creates[calls:]
    assert refused < reset
    assert len(later) == 3
    assert all(at >= reset for at in later), (reset, later)
    assert len(taken(double, mark)) == 3
    assert [len(post["attempts"]) for post in done] in ([2, 1, 1], [1, 2, 1])
    assert sum(post["publish"]["tries"] for post in done) == 0  # a wait burns no try


@pytest.mark.parametrize("how", ["expired", "refused"])
def test_a_401_is_answered_by_one_refresh_and_the_post_goes_on(person, double, mark, how):
    before = double.refreshes
    if how == "expired":
        double.expire_access()
    else:
        double.faults.append("401")
    done = person.until(person.schedule("twitter", 0.5, content=f"after {mark}"), "posted")
    assert double.refreshes == before + 1
    assert len(taken(double, mark)) == 1
    assert [each["outcome"] for each in done["attempts"]] == ["not_sent", "confirmed"]
    assert not double.revoked


def test_a_text_x_already_has_fails_as_a_repeat_and_is_not_sent_again(person, double, mark):
    text = f"the same words {mark}"
    person.until(person.schedule("twitter", 0.5, content=text), "posted")
    again = person.until(person.schedule("twitter", 0.5, content=text), "failed")
    assert again["publish"]["failure_kind"] == "duplicate"
    assert "already has this text" in again["error_message"]
    assert len(taken(double, mark)) == 1


def test_what_x_refuses_fails_in_its_words(person, double, mark):
    double.faults.append("403")
    post = person.until(person.schedule("twitter", 0.5, content=f"no {mark}"), "failed")
    assert "not permitted to perform this action" in post["error_message"]
    assert post["publish"]["failure_kind"] == "rejected"
    assert not taken(double, mark)


@pytest.mark.parametrize("fault", ["500_after", "hang_after"])
def test_an_unknown_outcome_is_found_by_reading_back_and_never_sent_twice(
    person, double, mark, fault
):
    double.faults.append(fault)
    calls = len(double.creates)
    post = person.schedule("twitter", 0.5, content=f"unsure {mark}")
    seen = set()
    end = time.monotonic() + 25
    while (now := person.post(post))["status"] != "posted" and time.monotonic() < end:
        seen.add((now["status"], now["review"]))
        time.sleep(0.1)
    assert now["status"] == "posted", now
    assert "failed" not in {status for status, _ in seen}
    assert "unconfirmed" in {review for _, review in seen}
    assert len(double.creates) == calls + 1
    assert [each["id"] for each in taken(double, mark)] == [now["platform_post_id"]]
    assert [each["outcome"] for each in now["attempts"]] == ["reconciled_live"]


def test_a_post_x_did_not_take_is_sent_again_once_that_is_known(person, double, mark):
    double.faults.append("500_before")
    done = person.until(person.schedule("twitter", 0.5, content=f"later {mark}"), "posted", 40)
    assert len(taken(double, mark)) == 1
    assert [each["outcome"] for each in done["attempts"]] == ["reconciled_absent", "confirmed"]


def test_a_thread_cut_in_its_middle_goes_on_after_the_part_that_is_live(person, double, mark):
    double.faults.extend([None, "500_after"])
    parts = [f"{n}/4 {mark}" for n in (1, 2, 3, 4)]
    done = person.until(
        person.schedule("twitter", 0.5, parts=[{"text": text} for text in parts]), "posted", 40
    )
    live = taken(double, mark)
    assert [post["body"]["text"] for post in live] == parts
    for post, parent in zip(live[1:], live, strict=False):
        assert post["body"]["reply"]["in_reply_to_tweet_id"] == parent["id"]
    assert done["platform_post_id"] == live[0]["id"]


def test_the_official_document_knows_every_request(person, double):
    """With the document at hand the double has judged all requests by it, and by nothing else."""
    if x_schemas.official() is None:
        pytest.skip("MUSEKIT_SPECS_DIR is not set: judged by our own subset of the schema")
    assert double.accepted
    assert double.invalid == []
    subset = x_schemas.Draft202012Validator(x_schemas.SUBSET["CreatePostsRequest"])
    assert all(subset.is_valid(post["body"]) for post in double.accepted)  # and ours is narrower
