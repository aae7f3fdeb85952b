"""A space that moved down keeps what it planned, but what passes its cap is held, not sent."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import update

from musekit.api import Actor, SocialPost
from musekit.testing.plans import grant
from passivepost.posts.downgrade import over_cap
from passivepost.publishing.promote import Due
from passivepost.tiers import PRODUCT, TIERS

SYSTEM = Actor.system("tests")
AT = (datetime.now(UTC) + timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)


def plan(host, user, number):
    made = []
    for minute in range(number):
        at = AT + timedelta(minutes=minute)
        answer = user.client.post(
            "/api/social/posts",
            json={"platform": "sandbox", "content": f"{minute}", "scheduled_at": at.isoformat()},
        )
        assert answer.status_code == 201, answer.text
        post = UUID(answer.json()["id"])
        made.append(Due(post_id=post, space_id=user.space_id, platform="sandbox", due_at=at))
    return made


def test_only_what_passes_the_smaller_cap_is_held(host, connected):
    grant(host, connected.space_id, PRODUCT, "tier_2")
    limit = TIERS[0].limits["posts_per_day"]
    due = plan(host, connected, limit + 3)
    judge = over_cap(host)
    assert not judge(due)
    grant(host, connected.space_id, PRODUCT, "tier_1")
    assert set(judge(due)) == {each.post_id for each in due[limit:]}
    with host.database.session(SYSTEM) as session:
        session.execute(
            update(SocialPost).where(SocialPost.id == due[0].post_id).values(status="queued")
        )
    assert set(judge(due[1:])) == {each.post_id for each in due[limit:]}
    grant(host, connected.space_id, PRODUCT, "tier_2")
    assert not judge(due)
