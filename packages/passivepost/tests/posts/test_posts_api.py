"""Posts through the API: what works, on both databases, with a connected account."""

from datetime import UTC, datetime, timedelta


def soon(minutes=60):
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


def test_a_post_is_scheduled_listed_changed_and_deleted(connected):
    api = connected.client
    made = api.post(
        "/api/social/posts",
        json={"platform": "sandbox", "content": "Fresh bread at nine", "scheduled_at": soon()},
    )
    assert made.status_code == 201, made.text
    post = made.json()
    assert post["status"] == "scheduled"
    assert post["account_id"]
    assert post["publish"]["stage"] == "waiting"
    assert post["parts"] == [{"text": "Fresh bread at nine", "media": []}]

    page = api.get("/api/social/posts").json()
    assert [each["id"] for each in page["items"]] == [post["id"]]
    assert page["next_cursor"] is None

    one = api.get(f"/api/social/posts/{post['id']}").json()
    assert one["revision"] == 1
    assert one["attempts"] == []

    same = api.put(f"/api/social/posts/{post['id']}", json={"content": "Fresh bread at nine"})
    assert same.json()["revision"] == 1

    new = api.put(
        f"/api/social/posts/{post['id']}", json={"content": "Fresh bread at ten", "revision": 1}
    )
    assert new.status_code == 200, new.text
    assert (new.json()["revision"], new.json()["status"]) == (2, "scheduled")
    stale = api.put(f"/api/social/posts/{post['id']}", json={"content": "x", "revision": 1})
    assert stale.status_code == 409
    assert stale.json()["revision"] == 2

    assert api.delete(f"/api/social/posts/{post['id']}").status_code == 204
    assert api.get(f"/api/social/posts/{post['id']}").status_code == 404
    assert api.get("/api/social/tier").json()["usage"]["posts_per_day"]["used"] == 0
