"""Each refusal of LinkedIn, and what the publisher may conclude from it."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from tests.support.linkedin_answers import error

from passivepost.api import (
    AuthExpired,
    AuthRevoked,
    Duplicate,
    Misconfigured,
    OutcomeUnknown,
    Rejected,
    Retryable,
)
from passivepost.testing import Answer, Fault
from passivepost_platform_linkedin.answers import wait_of

HTML = Answer(503, b"<html>" + b"x" * 50_000, {"Content-Type": "text/html"})


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (error(401, "EXPIRED_ACCESS_TOKEN", "x"), AuthExpired, "Connect again"),
        (error(401, "INVALID_ACCESS_TOKEN", "x"), AuthExpired, "Connect again"),
        (error(401, "REVOKED_ACCESS_TOKEN", "x"), AuthRevoked, "taken back"),
        (error(403, "ACCESS_DENIED", "Not enough permissions"), Misconfigured, "Share on"),
        (error(403, "", "Not enough permissions to access: x"), Misconfigured, "Share on"),
        (error(403, "", "This resource is forbidden"), Retryable, "for a moment"),
        (error(403, "", "Unable to obtain activity"), OutcomeUnknown, "activity"),
        (error(403, "", "The member is restricted"), Rejected, "member is restricted"),
        (error(400, "", "wrong"), Rejected, "wrong"),
        (error(400, "MEDIA_ASSET_WAITING_UPLOAD", "x"), Retryable, "not done"),
        (error(400, "", "MEDIA_ASSET_WAITING_UPLOAD"), Retryable, "not done"),
        (error(400, "MEDIA_ASSET_PROCESSING_FAILED", "broken"), Rejected, "broken"),
        (error(404, "NOT_FOUND", "no such thing"), Rejected, "no such thing"),
        (error(408, "", "x"), OutcomeUnknown, "408"),
        (error(500, "", "x"), OutcomeUnknown, "500"),
        (HTML, OutcomeUnknown, "503"),
        (Answer(201, b""), OutcomeUnknown, "201"),  # made, but nobody says which
        (Answer(200, b"<html>"), OutcomeUnknown, "502"),
        (Answer(422, [1]), Rejected, "422"),
        (Answer(422, {"message": "m", "errorDetails": [1]}), Rejected, "m"),
    ],
)  # fmt: skip
def test_errors_are_told_apart(publisher, server, answer, kind, words):
    server.says.append(answer)
    with pytest.raises(kind) as caught:
        publisher.send()
    assert type(caught.value) is kind
    assert words in caught.value.message
    assert len(caught.value.message) < 900
    assert server.posts == []


def test_an_ended_version_says_which_setting_to_change(publisher, server):
    server.versions = {"202701"}
    with pytest.raises(Misconfigured) as caught:
        publisher.send()
    assert "PASSIVEPOST_PLATFORM_LINKEDIN_VERSION" in caught.value.message
    assert "202604 is not active" in caught.value.message
    publisher.platform.settings.version = "202701"
    publisher.send()
    assert len(server.posts) == 1


def test_a_repeat_is_refused_with_the_first_one_as_evidence(publisher, server):
    first = publisher.send("the same")
    with pytest.raises(Duplicate) as caught:
        publisher.send("the same")
    assert caught.value.existing_id == first.ids[0]
    assert first.ids[0] in caught.value.message
    assert len(server.posts) == 1
    publisher.send("not the same")


def test_a_repeat_after_a_lost_answer_names_what_is_live(publisher, server):
    server.arm(Fault.CUT_AFTER_ACCEPT)
    with pytest.raises(Exception, match="Interrupted|POST"):
        publisher.send("once")
    with pytest.raises(Duplicate) as caught:
        publisher.send("once")
    assert [post.id for post in server.accepted()] == [caught.value.existing_id]


def test_a_duplicate_without_a_name_is_one_all_the_same(publisher, server):
    server.says.append(error(422, "DUPLICATE_POST", "Duplicate post is detected"))
    with pytest.raises(Duplicate) as caught:
        publisher.send()
    assert caught.value.existing_id is None


def test_the_limit_of_a_day_lasts_until_midnight_utc(publisher, server):
    server.per_day = 1
    publisher.send("one")
    with pytest.raises(Retryable) as caught:
        publisher.send("two")
    assert caught.value.rate_limited
    midnight = 86400 - time.time() % 86400
    assert abs(caught.value.retry_after - midnight) < 5 or midnight > 86390
    assert len(server.posts) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"date": formatdate(86400 * 20000 + 3600, usegmt=True)}, 23 * 3600),
        ({"date": formatdate(86400 * 20000, usegmt=True)}, 86400),
        ({"date": formatdate(86400 * 20000 - 1, usegmt=True)}, 1),
        ({"date": formatdate(86400 * 20000, usegmt=True), "retry-after": "30"}, 30),
        ({"date": formatdate(86400 * 20000 - 60, usegmt=True), "retry-after": "soon"}, 60),
    ],
)
def test_the_wait_goes_by_linkedins_clock(headers, seconds):
    assert wait_of(headers) == seconds


@pytest.mark.parametrize("headers", [{}, {"date": ""}, {"date": "yesterday"}])
def test_without_a_date_our_clock_has_to_do(headers):
    assert 0 < wait_of(headers) <= 86400


def test_no_token_is_shown_even_if_linkedin_repeats_it(publisher, server):
    token = publisher.account.credentials.access_token
    server.says.append(error(400, "", f"bad header: Bearer {token} {'y' * 5000}"))
    with pytest.raises(Rejected, match="bad header") as caught:
        publisher.send()
    for each in (caught.value, caught.value.__cause__):
        assert token[:20] not in str(each) + repr(vars(each))
        assert len(str(each)) < 700


def test_a_token_that_has_run_out_while_uploading(publisher, server, file):
    server.grants[publisher.account.credentials.access_token].expires = 0
    with pytest.raises(AuthExpired):
        publisher.send("hello", file())
    assert server.posts == []
