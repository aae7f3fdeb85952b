"""LinkedIn: connected by OAuth in a browser, published to by a worker, against a strict double."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
from tests.e2e.conftest import Deploy
from tests.support import linkedin_double
from tests.support.deployment import Deployment, Person, wait_for
from tests.support.linkedin_double import LinkedInDouble
from tests.support.media import FileServer, png

from passivepost.testing import Fault


@pytest.fixture(scope="module")
def double(services: dict[str, str]) -> Iterator[LinkedInDouble]:
    with LinkedInDouble() as made:
        yield made


@pytest.fixture(scope="module")
def deployment(deploy: Deploy, double: LinkedInDouble, files: FileServer) -> Deployment:
    made = deploy(
        MUSEKIT_OUTBOUND_ALLOW=json.dumps([urlsplit(u).netloc for u in (double.url, files.url)]),
        PASSIVEPOST_PLATFORM_LINKEDIN_CLIENT_ID=linkedin_double.CLIENT_ID,
        PASSIVEPOST_PLATFORM_LINKEDIN_CLIENT_SECRET=linkedin_double.CLIENT_SECRET,
        PASSIVEPOST_PLATFORM_LINKEDIN_API_URL=double.url,
        PASSIVEPOST_PLATFORM_LINKEDIN_SITE_URL=double.url,
        PASSIVEPOST_PLATFORM_LINKEDIN_IMAGE_WAIT_SECONDS="0",
        PASSIVEPOST_PLATFORM_LINKEDIN_NEW_TOKEN_SECONDS="0",
        PASSIVEPOST_PLATFORM_LINKEDIN_LONGEST_CALL_SECONDS="3",
        PASSIVEPOST_DEFAULT_TIER="tier_3",
        PASSIVEPOST_POLL_SECONDS="0.5",
        PASSIVEPOST_SWEEP_SECONDS="1",
        PASSIVEPOST_RETRY_BASE_SECONDS="0.5",
        PASSIVEPOST_RECONCILE_SECONDS="[0.5, 1]",
        PASSIVEPOST_PUBLISH_RATE_LIMIT_JITTER="0.2",
    )
    made.serve()
    made.worker()
    return made


@pytest.fixture(scope="module")
def person(deployment: Deployment, double: LinkedInDouble) -> Person:
    """Somebody who has connected LinkedIn in the browser."""
    made = deployment.sign_up()
    account = made.connect("linkedin", httpx.get)
    assert account["platform_user_id"] == linkedin_double.SUB
    assert account["platform_username"] == "Sam Ample"
    ends = datetime.fromisoformat(account["token_expires_at"]) - datetime.now(UTC)
    assert timedelta(days=59) < ends <= timedelta(days=60)
    shown = json.dumps([account, made.api("GET", "/accounts")])
    assert double.grants
    assert not [token for token in double.grants if token in shown]
    return made


@pytest.fixture(autouse=True)
def judged(double: LinkedInDouble) -> Iterator[None]:
    """Whatever a test does: LinkedIn must have understood every request."""
    yield
    assert double.invalid == []
    assert not double.says


@pytest.fixture
def mark() -> str:
    return uuid4().hex[:8]


def taken(double: LinkedInDouble, mark: str) -> list[str]:
    """Ids of everything LinkedIn ever took that holds a mark, in order."""
    return [post.id for post in double.accepted() if mark in post.text]


def test_the_way_back_is_of_one_browser_and_of_one_use(person, deployment, double):
    begun = person.done("POST", "/api/social/connect", {"platform": "linkedin"})
    asked = parse_qs(urlsplit(begun["authorize_url"]).query)
    assert asked["scope"] == ["openid profile w_member_social"]
    assert not [name for name in asked if "challenge" in name]
    back = httpx.get(begun["authorize_url"]).headers["location"]
    other, codes = deployment.sign_up(), len(double.codes)
    assert other.browser.get(back).status_code == 403
    assert httpx.get(back).status_code == 401
    assert len(double.codes) == codes  # nothing was redeemed
    assert person.browser.get(back).status_code == 200
    assert person.browser.get(back).status_code == 403


def test_text_and_pictures_go_out(person, double, files, mark):
    pictures = [files.add(f"/{mark}-{n}", png(bytes([n, 0, 0]))) for n in (1, 2)]
    text = f"Bread (at nine) #fresh {mark} https://example.com/a_b"
    media = [{"url": url, "alt": f"Loaf {n}"} for n, url in enumerate(pictures)]
    posts = [
        person.schedule("linkedin", 1, content=text),
        person.schedule("linkedin", 1, content=f"A loaf {mark}", media=media[:1]),
        person.schedule("linkedin", 1, content=f"Loaves {mark}", media=media),
    ]
    done = [person.until(post, "posted") for post in posts]
    live = {post.text: post.id for post in double.accepted() if mark in post.text}
    assert [post["platform_post_id"] for post in done] == [
        live[words] for words in (text, f"A loaf {mark}", f"Loaves {mark}")
    ]
    assert len(taken(double, mark)) == 3
    bodies = {post["urn"]: post.get("content") for post in double.posts}
    many = bodies[live[f"Loaves {mark}"]]["multiImage"]["images"]
    assert [each["altText"] for each in many] == ["Loaf 0", "Loaf 1"]
    sent = [double.uploads[each["id"]].parts[0] for each in many]
    assert sent == [png(bytes([n, 0, 0])) for n in (1, 2)]


@pytest.mark.parametrize("fault", [Fault.ERROR_AFTER_ACCEPT, Fault.CUT_AFTER_ACCEPT])
def test_an_unknown_outcome_is_put_to_a_person_and_never_sent_twice(person, double, mark, fault):
    double.arm(fault)
    post = person.schedule("linkedin", 0.5, content=f"unsure {mark}")
    now = wait_for(lambda: _in_review(person.post(post)), 30)
    time.sleep(2.5)  # longer than the last look of the publisher
    now = person.post(post)
    assert now["status"] not in ("posted", "failed"), now
    assert now["review"] == "unconfirmed"
    assert len(taken(double, mark)) == 1
    assert len(now["attempts"]) == 1


def _in_review(post: dict[str, Any]) -> dict[str, Any] | None:
    return post if post["review"] == "unconfirmed" else None


def test_words_linkedin_already_has_fail_as_a_repeat(person, double, mark):
    first = person.until(person.schedule("linkedin", 0.5, content=f"same {mark}"), "posted")
    again = person.until(person.schedule("linkedin", 0.5, content=f"same {mark}"), "failed")
    assert again["publish"]["failure_kind"] == "duplicate"
    assert first["platform_post_id"] in again["error_message"]
    assert len(taken(double, mark)) == 1


def test_an_ended_version_holds_the_post_and_tells_the_operator(person, double, mark):
    double.versions = {"202701"}
    post = person.schedule("linkedin", 0.5, content=f"late {mark}")
    held = wait_for(lambda: _held(person.post(post), "misconfigured"), 30)
    double.versions = {"202604"}
    assert "PASSIVEPOST_PLATFORM_LINKEDIN_VERSION" in json.dumps(held)
    assert not taken(double, mark)
    assert held["status"] != "failed"


def test_an_access_that_has_run_out_holds_the_post_until_it_is_connected_again(
    person, double, mark
):
    for grant in double.grants.values():
        grant.expires = 0
    post = person.schedule("linkedin", 0.5, content=f"after sixty days {mark}")
    wait_for(lambda: _held(person.post(post), "reconnect"), 30)
    assert not taken(double, mark)
    person.connect("linkedin", httpx.get)
    person.until(post, "posted")
    assert len(taken(double, mark)) == 1


def _held(post: dict[str, Any], why: str) -> dict[str, Any] | None:
    return post if post["publish"]["hold"] == why else None
