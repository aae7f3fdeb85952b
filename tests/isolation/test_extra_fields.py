"""Fields that a request must not set are refused or ignored, on every route that writes."""

from tests.isolation import fields
from tests.isolation.matrix import UNSAFE, prepare, routes_of
from tests.isolation.world import SYSTEM, browser

from musekit.api import SocialAccount, SocialPost, Space, User
from musekit.spaces.models import SpaceMember
from passivepost.tiers import allowance

#: What somebody would like to set: (field, value); functions are given the victim and the asker.
EXTRA = {
    "is_operator": True, "role": "owner", "permissions": ["*"], "tier": "tier_9",
    "muse_tier": "tier_9", "subscription": {"tier": "tier_9"}, "kind": "system",
    "space_id": lambda victim, me: str(victim.space_id),
    "user_id": lambda victim, me: str(victim.user_id),
    "owner_id": lambda victim, me: str(victim.user_id),
    "author_id": lambda victim, me: str(victim.user_id),
    "personal_user_id": lambda victim, me: str(victim.user_id),
    "id": "00000000-0000-7000-8000-00000000abcd",
    "status": "posted", "posted_at": "2020-01-01T00:00:00Z", "platform_post_id": "1",
    "engagement_data": {"likes": 10**6}, "error_message": "x", "review": "resolved",
    "counted_on": None, "publish_key": "00000000-0000-4000-8000-00000000abcd",
    "is_valid": True, "platform_user_id": "@celebrity", "access_token_encrypted": "x",
    "password_hash": "x", "email_key": "x", "secret_hash": "x",
    "created_at": "2001-01-01T00:00:00Z", "expires_at": "2999-01-01T00:00:00Z",
    "email_verified": True,
}  # fmt: skip


def privileges(world, me):
    """What those fields would have changed, of everybody."""
    with world.host.database.session(SYSTEM, readonly=True) as session:
        return {
            "operators": sorted(
                str(row.id) for row in session.query(User).filter_by(is_operator=True)
            ),
            "members": sorted(
                (str(row.space_id), str(row.user_id), row.role)
                for row in session.query(SpaceMember)
            ),
            "homes": sorted(
                (str(row.id), str(row.personal_user_id)) for row in session.query(Space)
            ),
            "live": sorted(
                str(row.id) for row in session.query(SocialPost).filter_by(status="posted")
            ),
            "made up": session.query(SocialPost)
            .filter((SocialPost.platform_post_id == "1") | (SocialPost.posted_at.is_not(None)))
            .count(),
            "celebrities": session.query(SocialAccount)
            .filter_by(platform_user_id="@celebrity")
            .count(),
            "authors": sorted(
                {
                    (str(row.space_id), str(row.user_id))
                    for row in session.query(SocialPost).filter_by(space_id=me.space_id)
                }
            ),
            "hashes": sorted(str(row.password_hash) for row in session.query(User)),
            "tier": allowance(world.host, me.space_id).tier.key,
        }


def tries(world, known, victim, me):
    """Yield (name, fields) for each request: one field at a time, on the second database all."""
    fields = {
        name: made(victim, me) if callable(made) else made
        for name, made in EXTRA.items()
        if name not in known or name == "status"  # the matrix and the bad inputs try a route's own
    }
    if world.host.database.is_postgres:
        yield "all of them", fields
    else:
        yield from ((name, {name: value}) for name, value in fields.items())


def test_fields_nobody_may_set_are_never_effective(world):
    victim = world.people["victim"]
    me = world.people.get("writer") or world.add("writer")
    world.post(me)
    faults, tried = [], 0
    before, theirs = privileges(world, me), world.rows_of(victim)
    for route in routes_of(world.app):
        if route.method not in UNSAFE or route.row.fake or route.rule.kind == "secret":
            continue
        known = fields.names(world.app, route)
        for name, extra in tries(world, known, victim, me):
            send = prepare(world, route, me)
            part, sample = fields.sample_of(route, world, me)
            part = "json" if part == "params" and route.path.startswith("/api/") else part
            answer = send(browser(me), **{part: {**sample, **extra}})
            tried += 1
            if answer.status_code >= 500:
                faults.append(f"{route.key} with {name}: {answer.status_code}")
            after = privileges(world, me)
            if before != after:
                changed = [what for what in after if after[what] != before[what]]
                faults.append(f"{route.key} with {name}: changed {changed}")
            if world.rows_of(victim) != theirs:
                faults.append(f"{route.key} with {name}: another's rows changed")
                theirs = world.rows_of(victim)
            before = after
            if '"tier_9"' in answer.text or "00000000abcd" in answer.text:
                faults.append(f"{route.key} with {name}: taken over")
            if route.row.ends_session:
                world.sign_in(me)
        world.forget_limits()
    assert tried >= (20 if world.host.database.is_postgres else 500), tried
    assert not faults, "\n".join(faults)


def test_json_writes_refuse_fields_they_do_not_know(world):
    """A misspelt field is told, not dropped: 422, and it is named."""
    me = world.people.get("writer") or world.add("writer")
    for route in routes_of(world.app):
        if route.row.json is None or route.row.fake:
            continue
        send = prepare(world, route, me)
        _, sample = fields.sample_of(route, world, me)
        answer = send(browser(me), json={**sample, "contens": "x"})
        assert answer.status_code == 422, (route.key, answer.text)
        assert "contens" in [each["field"] for each in answer.json()["errors"]], route.key
        world.forget_limits()
