"""Caps of the tier: never passed, counted for the day of the schedule, given back when due."""

import threading
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from musekit.api import Actor, Space
from musekit.products.models import UsageCounter
from passivepost.tiers import TIERS

PER_DAY = TIERS[0].limits["posts_per_day"]
DAY = (datetime.now(UTC) + timedelta(days=3)).replace(hour=12, minute=0, second=0, microsecond=0)


def plan(user, at=DAY, **more):
    return user.client.post(
        "/api/social/posts",
        json={"platform": "sandbox", "content": "x", "scheduled_at": at.isoformat(), **more},
    )


def used(host, user):
    from sqlalchemy import select

    with host.database.session(Actor.system("tests"), readonly=True) as session:
        rows = session.execute(
            select(UsageCounter.period, UsageCounter.used).where(
                UsageCounter.space_id == user.space_id
            )
        )
        return {row.period: row.used for row in rows if row.used}


def test_the_cap_is_never_passed_by_posts_made_at_once(app, host, connected):
    for _ in range(PER_DAY - 1):
        assert plan(connected).status_code == 201
    answers, gate = [], threading.Barrier(20)

    def many():
        from starlette.testclient import TestClient

        browser = TestClient(app, headers=connected.headers)
        gate.wait()
        for _ in range(10):
            answers.append(
                browser.post(
                    "/api/social/posts",
                    json={"platform": "sandbox", "content": "x", "scheduled_at": DAY.isoformat()},
                )
            )

    threads = [threading.Thread(target=many) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = [answer.status_code for answer in answers]
    assert (codes.count(201), codes.count(429), len(codes)) == (1, 199, 200)
    assert len(connected.client.get("/api/social/posts?limit=200").json()["items"]) == PER_DAY
    assert used(host, connected)[DAY.date().isoformat()] == PER_DAY


def test_a_refusal_says_which_limit_and_what_helps(connected):
    for _ in range(PER_DAY):
        plan(connected)
    problem = plan(connected)
    assert problem.status_code == 429
    told = problem.json()
    assert (told["limit"], told["max"], told["used"]) == ("posts_per_day", PER_DAY, PER_DAY)
    assert told["period"] == DAY.date().isoformat()
    assert (told["tier"], told["upgrade"]["tier"]) == ("tier_1", "tier_2")
    assert told["upgrade_url"] == "/billing/plans"
    assert datetime.fromisoformat(told["resets_at"]) > DAY
    assert "Retry-After" not in problem.headers  # waiting does not help: it is another day's cap
    assert plan(connected, DAY + timedelta(days=1)).status_code == 201


def test_drafts_do_not_count_and_what_is_taken_back_is_given_back(host, connected):
    day = DAY.date().isoformat()
    draft = plan(connected, status="draft").json()
    assert used(host, connected) == {}
    url = f"/api/social/posts/{draft['id']}"
    assert connected.client.put(url, json={"status": "scheduled"}).status_code == 200
    assert used(host, connected) == {day: 1, day[:7]: 1}
    moved = DAY + timedelta(days=1)
    connected.client.put(url, json={"scheduled_at": moved.isoformat()})
    assert used(host, connected)[moved.date().isoformat()] == 1
    assert day not in used(host, connected)
    connected.client.put(url, json={"status": "draft"})
    assert used(host, connected) == {}
    connected.client.put(url, json={"status": "approved"})
    connected.client.delete(url)
    assert used(host, connected) == {}


def test_several_platforms_count_each_or_nothing_is_made(host, connected):
    for _ in range(PER_DAY):
        plan(connected)
    before = used(host, connected)
    answer = connected.client.post(
        "/api/social/posts",
        json={"platforms": ["sandbox"], "content": "x", "scheduled_at": DAY.isoformat()},
    )
    assert answer.status_code == 429
    assert used(host, connected) == before


def test_the_day_is_that_of_the_space(host, connected):
    with host.database.session(Actor.system("tests")) as session:
        session.execute(
            update(Space).where(Space.id == connected.space_id).values(timezone="Pacific/Auckland")
        )
    late = DAY.replace(hour=20)  # the next morning in Auckland
    plan(connected, late)
    assert (late + timedelta(days=1)).date().isoformat() in used(host, connected)


def test_tier_shows_limits_and_use(connected):
    plan(connected, datetime.now(UTC) + timedelta(seconds=5))
    told = connected.client.get("/api/social/tier").json()
    assert (told["product"], told["tier"]) == ("passive-post", "tier_1")
    assert told["usage"]["platforms"] == {"limit": 3, "used": 1, "resets_at": None}
    assert told["usage"]["posts_per_day"]["used"] == 1
    assert told["upgrade"]["tier"] == "tier_2"
