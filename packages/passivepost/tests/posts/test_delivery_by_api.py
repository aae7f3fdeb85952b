"""The main job, end to end: scheduled by API, delivered by cron alone, seen on the network."""

from datetime import UTC, datetime, timedelta

import pytest

SECRET = "Qm3fV9xT2kLw8RzYb5NcJh7PdS4gXe1aUo6i"  # of these tests alone
CRON = "/api/social/cron/process-scheduled"
PULL = "/api/social/cron/pull-engagement"


@pytest.fixture
def settings(settings):
    from pydantic import SecretStr

    settings.cron_secret = SecretStr(SECRET)
    return settings


def bearer(secret=SECRET):
    return {"Authorization": f"Bearer {secret}"}


def test_a_post_goes_out_once_and_its_numbers_come_back(client, net, connected):
    at = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    made = connected.client.post(
        "/api/social/posts",
        json={"platform": "sandbox", "content": "Bread at nine", "scheduled_at": at},
    ).json()
    told = {"claimed": 0}
    end = datetime.now(UTC) + timedelta(seconds=20)
    while not told["claimed"] and datetime.now(UTC) < end:
        answer = client.get(CRON, headers=bearer())
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        told = answer.json()
    assert told == {"claimed": 1, "posted": 1, "unconfirmed": 0, "remaining": 0}
    assert client.post(CRON, headers=bearer()).json()["claimed"] == 0
    assert [line["text"] for line in net.ledger(kind="post", accepted=1)] == ["Bread at nine"]

    shown = connected.client.get(f"/api/social/posts/{made['id']}").json()
    assert shown["status"] == "posted"
    assert shown["platform_post_id"]
    assert [each["outcome"] for each in shown["attempts"]] == ["confirmed"]
    late = connected.client.put(f"/api/social/posts/{made['id']}", json={"content": "x"})
    assert late.status_code == 409

    assert client.get(PULL, headers=bearer()).json() == {"pulled": 1, "failed": 0}
    numbers = connected.client.get(f"/api/social/posts/{made['id']}").json()["engagement_data"]
    assert numbers["likes"] >= 0
    assert connected.client.delete(f"/api/social/posts/{made['id']}").status_code == 204
    used = connected.client.get("/api/social/tier").json()["usage"]["posts_per_day"]["used"]
    assert used == 1  # it went out: deleting it here does not give it back


def test_what_passes_a_smaller_cap_is_held_when_due(client, host, net, connected):
    """The space moved down after it had planned: what fits goes out, the rest waits, said why."""
    from musekit.testing.plans import grant
    from passivepost.tiers import PRODUCT, TIERS

    limit = TIERS[0].limits["posts_per_day"]
    grant(host, connected.space_id, PRODUCT, "tier_3")
    for number in range(limit + 2):
        at = (datetime.now(UTC) - timedelta(seconds=60 - number)).isoformat()
        body = {"platform": "sandbox", "content": f"{number}", "scheduled_at": at}
        assert connected.client.post("/api/social/posts", json=body).status_code == 201
    grant(host, connected.space_id, PRODUCT, "tier_1")
    assert client.get(CRON, headers=bearer()).json()["posted"] == limit
    held = connected.client.get("/api/social/posts?status=scheduled").json()["items"]
    assert [(each["content"], each["hold"]) for each in held] == [
        (str(limit + 1), "quota"), (str(limit), "quota"),
    ]  # fmt: skip
    assert len(net.ledger(kind="post", accepted=1)) == limit
    # Each sweep judges them anew: held again while nothing has changed, sent after an upgrade.
    assert client.get(CRON, headers=bearer()).json()["posted"] == 0
    held = connected.client.get("/api/social/posts?status=scheduled").json()["items"]
    assert [each["hold"] for each in held] == ["quota", "quota"]
    grant(host, connected.space_id, PRODUCT, "tier_3")
    assert client.get(CRON, headers=bearer()).json()["posted"] == 2
    assert len(net.ledger(kind="post", accepted=1)) == limit + 2


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_cron_lets_nobody_in_without_its_secret(client, user):
    for url in (CRON, PULL):
        for method in ("GET", "POST"):
            for headers in (
                {}, bearer(""), bearer("s"), bearer("s" * 39), bearer("s" * 41), bearer("t" * 40),
                {"Authorization": SECRET}, {"Authorization": f"Basic {SECRET}"},
                {"X-Cron-Secret": SECRET}, user.headers,
            ):  # fmt: skip
                answer = client.request(method, url, headers=headers)
                assert answer.status_code == 401, (url, headers)
            assert user.client.request(method, url).status_code == 401
            assert client.request(method, f"{url}?secret={SECRET}").status_code == 401


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("secret", [None, "", "short"])
def test_cron_without_a_good_secret_is_not_there(host, client, secret):
    from pydantic import SecretStr

    host.settings.cron_secret = None if secret is None else SecretStr(secret)
    for url in (CRON, PULL):
        assert client.get(url, headers=bearer(secret or "x")).status_code == 404
