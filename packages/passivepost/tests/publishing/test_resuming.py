"""A thread that stopped half-way, scheduled again by a person: what is live is never sent again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import world
from double import DoublePlatform
from sqlalchemy import delete, update

from musekit.api import Actor, ConflictError, InvalidError, SocialAccount, SpaceMember
from passivepost.pages.looks import sentence_of
from passivepost.posts import service, views
from passivepost.posts.schemas import PostUpdate
from passivepost.publishing import service as publishing
from passivepost.tiers import allowance

RIGHTS = frozenset({"social.posts.read", "social.posts.write", "social.posts.publish"})


@pytest.fixture
def person(host, network):
    """Somebody whose thread of two parts is to be refused at the second."""
    world.install(host, DoublePlatform(network.port))
    made = world.accounts(host, 1)[0]
    with host.database.session(world.SYSTEM) as session:
        session.add(SpaceMember(space_id=made[1], user_id=made[0], role="owner"))
    return made


@pytest.fixture
def broken(host, person, publish, until):
    """A post that failed with its first part live."""
    publish()
    post_id = thread(host, person, "one", "two fault=reject")
    until(lambda: world.state(host, post_id)[1].status == "failed")
    return post_id


def thread(host, person, *texts):
    parts = [{"text": text, "media": []} for text in texts]
    return world.posts(host, [person], 1, parts=parts)[0]


def change(host, person, post_id, *texts, **fields):
    user, space, _ = person
    actor = Actor(kind="user", name="p", user_id=user, space_id=space, permissions=RIGHTS)
    if texts:
        fields["parts"] = [{"text": text} for text in texts]
    with host.database.session(actor) as session:
        allowed = allowance(host, space)
        order = PostUpdate(**fields)
        return service.change(session, host, actor, post_id, order, allowed=allowed)


def now():
    return datetime.now(UTC)


def texts(network):
    return [text for _, text, *_ in network.accepted]


def test_it_says_what_is_live(host, broken):
    with host.database.session(world.SYSTEM, readonly=True) as session:
        post = views.get_post(session, broken)
        said = sentence_of(post, state=world.state(host, broken)[0])
    assert (post["status"], post["posted_ids"]) == ("failed", ["p1"])
    assert said.startswith("Part 1 is live")


def test_an_edited_rest_goes_on_after_what_is_live(host, network, person, broken, until):
    made = change(host, person, broken, "one", "better", "three", scheduled_at=now())
    assert (made["status"], made["posted_ids"]) == ("scheduled", ["p1"])
    until(lambda: world.state(host, broken)[1].status == "posted")
    assert texts(network) == ["one", "better", "three"]
    with host.database.session(world.SYSTEM, readonly=True) as session:
        assert views.get_post(session, broken)["posted_ids"] == ["p1", "p2", "p3"]


def test_another_time_alone_goes_on_too(host, network, person, broken, until):
    change(host, person, broken, status="scheduled", scheduled_at=now())
    until(lambda: world.state(host, broken)[1].status == "posted")
    assert texts(network) == ["one", "two fault=reject"]


def test_it_goes_on_over_drafts_and_further_times(host, network, person, broken, until):
    change(host, person, broken, "one", "better", status="draft", scheduled_at=None)
    later = now() + timedelta(hours=1)
    change(host, person, broken, status="scheduled", scheduled_at=later)
    change(host, person, broken, scheduled_at=later + timedelta(hours=1))
    assert world.state(host, broken)[0].progress == {"ids": ["p1"]}
    change(host, person, broken, scheduled_at=now())
    until(lambda: world.state(host, broken)[1].status == "posted")
    assert texts(network) == ["one", "better"]


def test_it_goes_on_when_it_was_pulled_back_before_it_failed(host, network, person, publish, until):
    publish()
    post_id = thread(host, person, "one", "two fault=config*")
    until(lambda: world.state(host, post_id)[0].hold == "misconfigured")
    change(host, person, post_id, "one", "better", scheduled_at=now())
    until(lambda: world.state(host, post_id)[1].status == "posted")
    assert texts(network) == ["one", "better"]


@pytest.mark.parametrize(
    "parts", [("One!", "better"), ("better",), ("better", "one"), ("zero", "one", "better")]
)
@pytest.mark.parametrize("status", ["scheduled", "draft"])
def test_what_is_live_cannot_be_changed(host, network, person, broken, parts, status):
    with pytest.raises(InvalidError, match="live on the network already") as refused:
        change(host, person, broken, *parts, status=status, scheduled_at=now())
    assert refused.value.extra["errors"][0]["field"] == "parts.0.text"
    state, post = world.state(host, broken)
    assert (state.stage, post.status, post.content) == ("done", "failed", "one")
    assert texts(network) == ["one"]


def test_nothing_left_is_not_scheduled(host, person, broken):
    change(host, person, broken, "one", status="draft")
    with pytest.raises(ConflictError, match="All of this post is live"):
        change(host, person, broken, status="scheduled", scheduled_at=now())


def test_another_account_does_not_go_on_with_it(host, person, broken):
    user, space, account = person
    other = world.accounts(host, 1)[0]
    with host.database.session(world.SYSTEM) as session:
        session.execute(delete(SocialAccount).where(SocialAccount.id == account))
        session.execute(
            update(SocialAccount)
            .where(SocialAccount.id == other[2])
            .values(space_id=space, user_id=user)
        )
    with pytest.raises(ConflictError, match="began on an account"):
        change(host, person, broken, "one", "better", scheduled_at=now())


def test_a_thread_that_was_not_begun_is_changed_as_a_whole(host, network, person, publish, until):
    publish()
    post_id = thread(host, person, "one fault=reject", "two")
    until(lambda: world.state(host, post_id)[1].status == "failed")
    change(host, person, post_id, "uno", "dos", scheduled_at=now())
    until(lambda: world.state(host, post_id)[1].status == "posted")
    assert texts(network) == ["uno", "dos"]


def test_without_the_platform_the_ids_alone_are_kept(host, person, broken):
    with host.database.session(world.SYSTEM) as session:
        post, details = service.load(session, broken)
        post.status = "scheduled"
        publishing.schedule(session, post, details, at=now() + timedelta(hours=1))
    assert world.state(host, broken)[0].progress == {"ids": ["p1"]}
