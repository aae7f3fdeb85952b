"""What the posts API does not take: a message that says what to do, never a fault of ours."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from musekit.api import new_id

LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat()
OK = {"platform": "sandbox", "content": "Hello"}


def once():
    return pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


BAD = {
    "no platform": ({"content": "x"}, 422),
    "both forms of platform": ({**OK, "platforms": ["sandbox"]}, 422),
    "a platform twice": ({"platforms": ["sandbox", "sandbox"], "content": "x"}, 422),
    "unknown platform": ({**OK, "platform": "myspace"}, 422),
    "platform of another type": ({**OK, "platform": 7}, 422),
    "unknown field": ({**OK, "contents": "x"}, 422),
    "a field of ours": ({**OK, "space_id": str(uuid4())}, 422),
    "no content": ({"platform": "sandbox"}, 422),
    "empty content": ({**OK, "content": "  \n"}, 422),
    "content and parts": ({**OK, "parts": [{"text": "x"}]}, 422),
    "no parts": ({"platform": "sandbox", "parts": []}, 422),
    "too long": ({**OK, "content": "x" * 501}, 422),
    "far too long": ({**OK, "content": "x" * 100_001}, 422),
    "NUL": ({**OK, "content": "a\x00b"}, 422),
    "past": ({**OK, "scheduled_at": "2020-01-01T00:00:00Z"}, 422),
    "past draft": ({**OK, "scheduled_at": "2020-01-01T00:00:00Z", "status": "draft"}, 422),
    "too far ahead": ({**OK, "scheduled_at": "2190-01-01T00:00:00Z"}, 422),
    "end of the calendar": ({**OK, "scheduled_at": "9999-12-31T23:59:59-14:00"}, 422),
    "begin of the calendar": ({**OK, "scheduled_at": "0001-01-01T00:00:00+14:00"}, 422),
    "time without zone": ({**OK, "scheduled_at": "2030-01-01T00:00:00"}, 422),
    "no time": ({**OK, "status": "scheduled"}, 422),
    "no such day": ({**OK, "wall_time": "2030-02-30T09:00", "timezone": "UTC"}, 422),
    "past wall time": ({**OK, "wall_time": "2020-02-20T09:00", "timezone": "UTC"}, 422),
    "no such zone": ({**OK, "wall_time": "2030-02-20T09:00", "timezone": "Mars/Base"}, 422),
    "zone with a path": ({**OK, "timezone": "../../etc/passwd", "scheduled_at": LATER}, 422),
    "two times": ({**OK, "wall_time": "2030-02-20T09:00", "scheduled_at": LATER}, 422),
    "status of the publisher": ({**OK, "status": "posted"}, 422),
    "media that is no address": ({**OK, "media": [{"url": "file:///etc/passwd"}]}, 422),
    "media of another kind": ({**OK, "media": [{"url": "https://x.test/a.exe.svg"}]}, 422),
    "too many media": (
        {**OK, "media": [{"url": f"https://x.test/{n}.png"} for n in range(5)]},
        422,
    ),
    "alt text too long": (
        {**OK, "media": [{"url": "https://x.test/1.png", "alt": "a" * 1501}]},
        422,
    ),
    "too many parts": ({"platform": "sandbox", "parts": [{"text": "x"}] * 26}, 422),
    "list": ([OK], 422),
    "text": ("x", 422),
    "options of another type": ({**OK, "options": [1]}, 422),
}


@once()
def test_bad_creates_are_refused_with_a_reason(connected):
    for name, (body, status) in BAD.items():
        answer = connected.client.post("/api/social/posts", json=body)
        assert answer.status_code == status, (name, answer.text)
        problem = answer.json()
        assert problem["detail"], name
        assert answer.headers["content-type"].startswith("application/problem+json"), name
    assert connected.client.get("/api/social/posts").json()["items"] == []
    assert connected.client.get("/api/social/tier").json()["usage"]["posts_per_day"]["used"] == 0


def test_characters_no_database_takes_are_refused(connected):
    for text in (r'"a\u0000b"', r'"half \ud83d"', r'"\udc00 other half"'):
        body = f'{{"platform": "sandbox", "content": {text}}}'
        answer = connected.client.post(
            "/api/social/posts", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 422, answer.text


def test_a_text_too_long_says_by_how_much(connected):
    answer = connected.client.post(
        "/api/social/posts", json={"platform": "sandbox", "content": "x" * 512}
    )
    fault = answer.json()["errors"][0]
    assert (fault["count"], fault["limit"], fault["unit"]) == (512, 500, "characters")
    assert "12" in fault["message"]
    assert fault["field"] == "parts.0.text"


def test_text_is_stored_composed_and_direction_marks_are_shown(connected):
    made = connected.client.post(
        "/api/social/posts", json={"platform": "sandbox", "content": "Cafe\u0301 \u202eabc"}
    ).json()
    assert made["content"] == "Café \u202eabc"
    assert "U+202E" in made["warnings"][0]


@once()
@pytest.mark.parametrize(
    "query",
    [
        "cursor=nonsense", "cursor=YWJj", "limit=0", "limit=201", "limit=x", "status=gone",
        "platform=No!", "from=yesterday", "from=2026-01-01", "to=9999-12-31T23:59:59-14:00",
        "from=0001-01-01T00:00:00%2B14:00", "status=draft%27--",
    ],
)  # fmt: skip
def test_bad_list_queries_are_refused(connected, query):
    answer = connected.client.get(f"/api/social/posts?{query}")
    assert answer.status_code == 422, answer.text


def test_posts_of_others_are_not_there(connected, other):
    made = connected.client.post("/api/social/posts", json=OK).json()
    for post_id in (made["id"], str(new_id()), "nonsense"):
        url, missing = (
            f"/api/social/posts/{post_id}",
            {404, 422} - (set() if post_id == "nonsense" else {422}),
        )
        assert other.client.get(url).status_code in missing
        assert other.client.put(url, json={"content": "mine"}).status_code in missing
        assert other.client.delete(url).status_code in missing
        assert other.client.post(f"{url}/resolve", json={"decision": "drop"}).status_code in missing
    assert connected.client.get(f"/api/social/posts/{made['id']}").json()["content"] == "Hello"
    assert other.client.get("/api/social/posts").json()["items"] == []


@once()
def test_bad_changes_are_refused_and_change_nothing(connected):
    made = connected.client.post("/api/social/posts", json=OK).json()
    url = f"/api/social/posts/{made['id']}"
    for body in (
        {"platform": "sandbox"},
        {"content": "x" * 501},
        {"scheduled_at": "2020-01-01T00:00:00Z"},
        {"status": "posted"},
        {"status": "scheduled"},
        {"revision": 0},
        {"user_id": str(uuid4())},
    ):
        answer = connected.client.put(url, json=body)
        assert answer.status_code == 422, (body, answer.text)
    assert connected.client.get(url).json()["revision"] == 1


@once()
def test_a_post_is_not_resolved_when_there_is_nothing_to_decide(connected):
    made = connected.client.post("/api/social/posts", json=OK).json()
    url = f"/api/social/posts/{made['id']}/resolve"
    assert connected.client.post(url, json={"decision": "maybe"}).status_code == 422
    assert connected.client.post(url, json={"decision": "drop"}).status_code == 409


@once()
def test_scheduling_needs_a_connected_account_but_a_draft_does_not(user):
    planned = user.client.post("/api/social/posts", json={**OK, "scheduled_at": LATER})
    assert planned.status_code == 409
    assert planned.json()["reason"] == "not_connected"
    draft = user.client.post("/api/social/posts", json=OK)
    assert (draft.status_code, draft.json()["status"]) == (201, "draft")


@once()
def test_nobody_gets_in_without_signing_in(client):
    for method, url in (
        ("GET", "/api/social/posts"), ("POST", "/api/social/posts"),
        ("GET", f"/api/social/posts/{new_id()}"), ("GET", "/api/social/tier"),
        ("GET", "/api/social/accounts"), ("POST", "/api/social/connect"),
        ("GET", "/api/social/callback/sandbox"), ("GET", "/api/social/health"),
        ("GET", "/api/social/debug"),
    ):  # fmt: skip
        assert client.request(method, url).status_code == 401, url
