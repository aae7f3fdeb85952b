"""Fields that a request must not set are refused or ignored, on every route that writes."""

import pytest
from sqlalchemy import select
from tests.isolation import fields
from tests.isolation.askers import as_owner
from tests.isolation.routes import UNSAFE, prepare, routes_of
from tests.isolation.things.posts import draft
from tests.isolation.world import SYSTEM, browser

from musekit.api import SocialAccount, SocialPost, Space, User
from musekit.organizations.models import Organization
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
    """What those fields would have changed, of everybody.

    Organizations that one founds oneself are left out: whoever is signed in may found them.
    """
    with world.host.database.session(SYSTEM, readonly=True) as session:
        founded = set(
            session.scalars(
                select(Space.id)
                .join(Organization, Space.organization_id == Organization.id)
                .where(Organization.created_by == me.user_id)
            )
        )
        return {
            "operators": sorted(
                str(row.id) for row in session.query(User).filter_by(is_operator=True)
            ),
            "members": sorted(
                (str(row.space_id), str(row.user_id), row.role)
                for row in session.query(SpaceMember)
                if row.space_id not in founded or row.user_id != me.user_id
            ),
            "homes": sorted(
                (str(row.id), str(row.personal_user_id))
                for row in session.query(Space)
                if row.id not in founded or row.personal_user_id is not None
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


def wishes(known, victim, me):
    """Return the fields a request gets, without those that the route itself takes."""
    return {
        name: made(victim, me) if callable(made) else made
        for name, made in EXTRA.items()
        if name not in known or name == "status"  # the matrix and the bad inputs try a route's own
    }


def is_refused_by_name(answer, extra):
    """Say whether each field was refused for itself, by its name."""
    if answer.status_code != 422 or "json" not in answer.headers["content-type"]:
        return False
    return extra.keys() <= {each["field"] for each in answer.json().get("errors", [])}


class Wisher:
    """Somebody who sends fields that are not theirs to set, and what came of it."""

    def __init__(self, world):
        self.world, self.victim = world, world.people["victim"]
        self.me = world.people.get("writer") or world.add("writer")
        draft(world, self.me)
        self.faults, self.tried = [], 0
        self.theirs = world.rows_of(self.victim)
        self._known = ("", {})

    def privileges(self):
        """What `privileges` says, asked anew where anything was written."""
        version = self.world.version()
        if self._known[0] != version:
            self._known = (version, privileges(self.world, self.me))
        return self._known[1]

    def send(self, route, extra):
        """Send a route's sample with further fields; note what they have changed."""
        world, me, told = self.world, self.me, f"{route.key} with {', '.join(extra)}"
        send = prepare(world, route, me)
        part, sample = fields.sample_of(route, world, me)
        part = "json" if part == "params" and route.path.startswith("/api/") else part
        before = self.privileges()
        answer = send(browser(me), **{part: {**sample, **extra}})
        self.tried += len(extra)
        if answer.status_code >= 500:
            self.faults.append(f"{told}: {answer.status_code}")
        after = self.privileges()
        if before != after:
            changed = [what for what in after if after[what] != before[what]]
            self.faults.append(f"{told}: changed {changed}")
        if world.rows_of(self.victim) != self.theirs:
            self.faults.append(f"{told}: another's rows changed")
            self.theirs = world.rows_of(self.victim)
        if '"tier_9"' in answer.text or "00000000abcd" in answer.text:
            self.faults.append(f"{told}: taken over")
        if route.row.ends_session:
            world.sign_in(me)
        return answer

    def routes(self):
        """Yield each route that writes, with what it is to be sent besides."""
        for route in routes_of(self.world.app):
            if route.method not in UNSAFE or route.row.fake or route.rule.kind == "secret":
                continue
            yield route, wishes(fields.names(self.world.app, route), self.victim, self.me)
            self.world.forget_limits()

    def finish(self, least):
        assert self.tried >= least, self.tried
        assert not self.faults, "\n".join(self.faults)


def test_fields_nobody_may_set_are_never_effective(world):
    """All of them with one request; where that is refused as a whole, one by one.

    Refused by their names, each is refused for itself; taken, or passed over, all of them
    together have changed nothing. Only in between may one hide what another would do.
    """
    wisher = Wisher(world)
    for route, extra in wisher.routes():
        answer = wisher.send(route, extra)
        if answer.status_code not in as_owner(route) and not is_refused_by_name(answer, extra):
            for name, value in extra.items():
                wisher.send(route, {name: value})
    wisher.finish(2000)


@pytest.mark.slow
def test_each_field_nobody_may_set_by_itself(world):
    wisher = Wisher(world)
    for route, extra in wisher.routes():
        for name, value in extra.items():
            wisher.send(route, {name: value})
    wisher.finish(2000)


def test_json_writes_refuse_fields_they_do_not_know(world):
    """A misspelt field is told, not dropped: 422, and it is named."""
    writer = world.people.get("writer") or world.add("writer")
    operator = world.people.get("operator") or world.add("operator", operator=True)
    for route in routes_of(world.app):
        if route.row.json is None or route.row.fake:
            continue
        me = operator if route.kind == "operator" else writer
        send = prepare(world, route, me)
        _, sample = fields.sample_of(route, world, me)
        answer = send(browser(me), json={**sample, "contens": "x"})
        assert answer.status_code == 422, (route.key, answer.text)
        assert "contens" in [each["field"] for each in answer.json()["errors"]], route.key
        world.forget_limits()
