"""What a client says of its tier decides nothing (D33): 60 ways to say it, at the cap."""

import itertools
from datetime import UTC, datetime, timedelta

from passivepost.tiers import TIERS

PER_DAY = TIERS[0].limits["posts_per_day"]
DAY = (datetime.now(UTC) + timedelta(days=3)).replace(hour=12, minute=0, second=0, microsecond=0)
BODY = {"platform": "sandbox", "content": "x", "scheduled_at": DAY.isoformat()}
NAMES = (
    "tier", "muse_tier", "plan", "subscription", "metadata", "limits", "posts_per_day", "allowed",
    "is_operator", "space_id", "organization_settings", "socialModule",
)  # fmt: skip
VALUES = {
    "metadata": {"muse_tier": "tier_3"}, "limits": {"posts_per_day": None}, "is_operator": True,
    "posts_per_day": 10**6, "allowed": {"tier": {"key": "tier_3"}},
    "organization_settings": {"socialModule": {"tierDefinitions": []}},
    "socialModule": {"tierDefinitions": [{"key": "tier_1", "limits": {"posts_per_day": None}}]},
}  # fmt: skip
PLACES = ("body", "query", "header", "cookie", "options")
CASES = list(itertools.product(NAMES, PLACES))


def send(user, name, place):
    value = VALUES.get(name, "tier_3")
    url, body, more = "/api/social/posts", dict(BODY), {}
    if place == "body":
        body[name] = value
    elif place == "options":
        body["options"] = {name: value}
    elif place == "query":
        url += f"?{name}={value}"
    elif place == "header":
        more["headers"] = {f"X-{name.replace('_', '-')}": str(value)}
    else:
        more["headers"] = {"Cookie": f"{name}=tier_3"}
    answer = user.client.post(url, json=body, **more)
    return answer.status_code


def test_a_tier_said_by_the_client_is_ignored(user, connected):
    assert len(CASES) == 60
    for _ in range(PER_DAY):
        assert connected.client.post("/api/social/posts", json=BODY).status_code == 201
    codes = {(name, place): send(connected, name, place) for name, place in CASES}
    assert set(codes.values()) <= {422, 429, 401}, codes
    assert list(codes.values()).count(429) > 20  # most are not even looked at
    told = connected.client.get("/api/social/tier").json()
    assert (told["tier"], told["usage"]["posts_per_day"]["limit"]) == ("tier_1", PER_DAY)
    items = connected.client.get("/api/social/posts?limit=200").json()["items"]
    assert len(items) == PER_DAY
