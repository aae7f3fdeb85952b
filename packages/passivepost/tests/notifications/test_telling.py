"""What became of posts and accounts is told: once, to the right people and the right webhooks."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from musekit.api import Actor, SocialAccount, User
from musekit.email import service as email
from musekit.email.models import OutboxMail
from musekit.testing.plans import grant
from musekit.webhooks.models import WebhookEndpoint, WebhookMessage
from passivepost.notifications import ended
from passivepost.notifications.models import ToldNews
from passivepost.notifications.telling import KEPT, LONGEST, tell_all, tell_late
from passivepost.publishing.models import PublishAttempt, PublishState
from passivepost.publishing.once import deliver_once
from passivepost.tiers import PRODUCT

SYSTEM = Actor.system("tests")


def listen(host, space_id, *events):
    with host.database.session(SYSTEM) as session:
        session.add(WebhookEndpoint(
            space_id=space_id, url="https://hooks.example/in", secrets_encrypted="",
            events=list(events) or ["*"],
        ))  # fmt: skip


def plan(user, *texts, seconds=0):
    at = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    made = []
    for text in texts:
        answer = user.client.post(
            "/api/social/posts",
            json={"platform": "sandbox", "content": text, "scheduled_at": at},
        )
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
    return made


def mails(host, template):
    with host.database.session(SYSTEM, readonly=True) as session:
        rows = session.scalars(select(OutboxMail).where(OutboxMail.template == template)).all()
        return [(row.to_email, row.subject, email.unseal(host, row).text) for row in rows]


def events(host):
    with host.database.session(SYSTEM, readonly=True) as session:
        rows = session.scalars(select(WebhookMessage).order_by(WebhookMessage.id)).all()
        return [(row.event, row.payload["data"]) for row in rows]


def tell(host):
    return tell_all(host, ended.NEAR)


def test_what_is_live_is_told_to_who_listens(host, net, connected):
    plan(connected, "before anybody listened")
    deliver_once(host, budget=20)
    assert tell(host) == 0  # nobody wants to know
    listen(host, connected.space_id, "post.published")
    (post_id,) = plan(connected, "Bread at nine")
    deliver_once(host, budget=20)
    tell(host)
    assert tell(host) == 0
    ((event, data),) = events(host)
    assert (event, data["post"]["id"], data["post"]["content"]) == (
        "post.published", post_id, "Bread at nine",
    )  # fmt: skip
    assert data["post"]["platform_post_id"]
    assert data["post"]["posted_at"]
    assert mails(host, "post-failed") == []


def test_what_failed_is_told_once_in_one_mail(host, net, connected):
    listen(host, connected.space_id)
    net.faults({"fault": "reject", "op": "post"})
    ids = plan(connected, "one", "two")
    deliver_once(host, budget=20)
    assert tell(host) == 2
    assert tell(host) == 0
    ((to, subject, text),) = mails(host, "post-failed")
    assert to == connected.email
    assert subject.startswith("2 posts were not published in ")
    assert "one" in text
    assert "two" in text
    assert "The network refuses this post." in text
    assert all(f"/dashboard/social/posts/{each}" in text for each in ids)
    told = [(event, data["post"]["id"], data["post"]["reason"]) for event, data in events(host)]
    assert sorted(told) == sorted(("post.failed", each, "rejected") for each in ids)

    # Scheduled anew, it may fail anew.
    at = datetime.now(UTC).isoformat()
    body = {"content": "one more try", "scheduled_at": at, "status": "scheduled"}
    answer = connected.client.put(f"/api/social/posts/{ids[0]}", json=body)
    assert answer.status_code == 200, answer.text
    deliver_once(host, budget=20)
    assert tell(host) == 1
    assert len(mails(host, "post-failed")) == 2


def test_of_many_jobs_at_once_one_tells(host, net, connected):
    net.faults({"fault": "reject", "op": "post"})
    listen(host, connected.space_id)
    plan(connected, *"abc")
    deliver_once(host, budget=20)
    told, gate = [], threading.Barrier(5)

    def run():
        gate.wait()
        told.append(tell(host))

    threads = [threading.Thread(target=run) for _ in range(5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(told) == 3
    assert len(events(host)) == 3
    shown = " ".join(text for _, _, text in mails(host, "post-failed"))
    assert [shown.count(f": {each}\n") for each in "abc"] == [1, 1, 1]


def test_a_crash_between_finding_and_telling_loses_nothing(host, net, connected, monkeypatch):
    net.faults({"fault": "reject", "op": "post"})
    listen(host, connected.space_id)
    plan(connected, "x")
    deliver_once(host, budget=20)

    def die(*_):
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr("passivepost.notifications.letters.write", die)
        with pytest.raises(RuntimeError):
            tell(host)
    assert events(host) == []
    assert tell(host) == 1
    assert (len(events(host)), len(mails(host, "post-failed"))) == (1, 1)


def test_a_mail_that_cannot_be_written_holds_up_no_other(host, net, connected, other, connect):
    connect(other, "maple")
    listen(host, connected.space_id)
    net.faults({"fault": "reject", "op": "post"})
    for person in (connected, other):
        plan(person, "x" * 280)
    deliver_once(host, budget=20)
    with host.database.session(SYSTEM) as session:
        session.get_one(User, connected.user_id).email = "a@example.com\r\nBcc: b@example.com"
    assert tell(host) == 2
    assert [to for to, _, _ in mails(host, "post-failed")] == [other.email]
    assert len(events(host)) == 1
    assert tell(host) == 0


def test_a_post_of_any_length_is_told(host, net, connected):
    from passivepost.models import PostRow

    listen(host, connected.space_id)
    net.faults({"fault": "reject", "op": "post"})
    plan(connected, "x")
    deliver_once(host, budget=20)
    with host.database.session(SYSTEM) as session:
        session.execute(update(PostRow).values(content="x" * 200_000, scheduled_at=None))
    assert tell(host) == 1
    ((_, data),) = events(host)
    assert len(data["post"]["content"]) == LONGEST
    assert len(mails(host, "post-failed")) == 1


def test_what_is_in_doubt_is_told_and_then_what_became_of_it(host, net, connected):
    listen(host, connected.space_id)
    (post_id,) = plan(connected, "sent, not confirmed", seconds=3600)
    with host.database.session(SYSTEM) as session:
        state = session.scalars(select(PublishState)).one()
        session.add(PublishAttempt(
            id=ended._first_id(datetime.now(UTC) - timedelta(days=9)), space_id=state.space_id,
            post_id=state.post_id, n=1, publish_key=state.publish_key, outcome="unknown",
            account_id=state.account_id, lease_token=1, content_hash="", worker="w",
            code_version="1", opened_at=datetime.now(UTC), armed_at=datetime.now(UTC),
        ))  # fmt: skip
        state.stage, state.review, state.reconcile_at = "posting", "unconfirmed", datetime.now(UTC)
        for status in ("queued", "posting"):
            move(session, status)
    tell(host)
    assert [event for event, _ in events(host)] == ["post.unconfirmed"]
    assert mails(host, "post-unconfirmed") == []  # we are still looking
    with host.database.session(SYSTEM) as session:
        session.execute(update(PublishState).values(reconcile_at=None))
    tell(host)
    tell(host)
    ((to, subject, _),) = mails(host, "post-unconfirmed")
    assert to == connected.email
    assert subject.startswith("A post needs your decision")
    answer = connected.client.post(
        f"/api/social/posts/{post_id}/resolve", json={"decision": "live", "ids": ["s-1"]}
    )
    assert answer.status_code == 200, answer.text
    with host.database.session(SYSTEM) as session:  # seen by those who listened then already
        session.execute(update(WebhookEndpoint).values(
            created_at=datetime.now(UTC) - timedelta(days=1)))  # fmt: skip
    tell(host)
    tell(host)
    assert [event for event, _ in events(host)] == ["post.unconfirmed", "post.published"]


def move(session, status):
    from passivepost.models import PostRow

    session.flush()
    session.execute(update(PostRow).values(status=status))


def test_a_persons_own_decision_is_no_mail(host, net, connected):
    listen(host, connected.space_id, "post.failed")
    plan(connected, "x", seconds=3600)
    with host.database.session(SYSTEM) as session:
        session.execute(update(PublishState).values(stage="done", failure_kind="dropped"))
        for status in ("queued", "failed"):
            move(session, status)
    assert tell(host) == 1
    assert [event for event, _ in events(host)] == ["post.failed"]
    assert mails(host, "post-failed") == []


def test_a_lost_account_is_told_once_until_it_is_back(host, net, connected):
    listen(host, connected.space_id)
    plan(connected, "waits", seconds=3600)
    account = connected.client.get("/api/social/accounts").json()["items"][0]["id"]
    net.faults({"fault": "revoked", "op": "me"})
    connected.client.post("/api/social/accounts/validate", json={"account_id": account})
    lose(host, valid=False)
    tell(host)
    tell(host)
    ((to, subject, text),) = mails(host, "reconnect")
    assert (to, subject.startswith("Connect ")) == (connected.email, True)
    assert "juniper" in text
    ((event, data),) = events(host)
    assert (event, data["account"]["id"]) == ("account.disconnected", account)
    lose(host, valid=True)
    assert tell(host) == 0
    lose(host, valid=False)
    assert tell(host) == 1
    assert len(mails(host, "reconnect")) == 2


def test_disconnecting_is_told_at_once(host, net, connected):
    listen(host, connected.space_id, "account.disconnected")
    account = connected.client.get("/api/social/accounts").json()["items"][0]["id"]
    assert connected.client.delete(f"/api/social/accounts/{account}").status_code == 200
    ((event, data),) = events(host)
    assert (event, data["account"]["id"], data["account"]["message"]) == (
        "account.disconnected", account, "A person disconnected it.",
    )  # fmt: skip
    assert tell(host) == 0
    assert mails(host, "reconnect") == []  # who did it knows


def lose(host, *, valid):
    with host.database.session(SYSTEM) as session:
        session.execute(update(SocialAccount).values(is_valid=valid))


def test_who_is_gone_from_the_space_is_not_written_to(host, net, connected, make_user):
    """A post of somebody who has left is told to those who decide on the space."""
    other = make_user()
    net.faults({"fault": "reject", "op": "post"})
    plan(connected, "x")
    deliver_once(host, budget=20)
    with host.database.session(SYSTEM) as session:
        from passivepost.models import PostRow

        session.execute(update(PostRow).values(user_id=other.user_id))
    assert tell(host) == 1
    assert [to for to, _, _ in mails(host, "post-failed")] == [connected.email]


def test_what_was_told_long_ago_is_forgotten(host, net, connected):
    with host.database.session(SYSTEM) as session:
        user = session.get_one(User, connected.user_id)
        for days in (1, KEPT.days + 1):
            session.add(ToldNews(
                what="post.failed", subject=user.id, edition=connected.space_id if days == 1
                else user.id, space_id=connected.space_id,
                told_at=datetime.now(UTC) - timedelta(days=days),
            ))  # fmt: skip
    from musekit.api import JobRun

    tell_late(JobRun(host=host, name="passivepost-tell-late"))
    with host.database.session(SYSTEM, readonly=True) as session:
        assert len(session.scalars(select(ToldNews)).all()) == 1


def test_trends_are_one_mail_a_day_and_no_event(host, net, connected):
    from musekit.api import JobRun, new_id
    from passivepost.alerts.models import AlertLog

    listen(host, connected.space_id)

    def see(*texts, hours=0, **more):
        with host.database.session(SYSTEM) as session:
            session.add_all(
                AlertLog(
                    id=new_id(), space_id=connected.space_id, user_id=connected.user_id,
                    trend_text=text, platform="sandbox", **more,
                    created_at=datetime.now(UTC) - timedelta(hours=hours),
                )
                for text in texts
            )  # fmt: skip

    see("seed swaps", "first frost")
    see("long ago", hours=30)
    see("seen to", action_taken="ignored")
    for _ in range(2):
        tell_late(JobRun(host=host, name="passivepost-tell-late"))
    see("one more")
    tell_late(JobRun(host=host, name="passivepost-tell-late"))
    ((to, _, text),) = mails(host, "trend-alert")
    assert to == connected.email
    assert "seed swaps" in text
    assert "first frost" in text
    assert "long ago" not in text
    assert "seen to" not in text
    assert events(host) == []


def test_a_larger_plan_lets_go_what_waited_for_it(host, net, connected):
    from passivepost.tier.changed import resume

    plan(connected, "late", "soon", seconds=3600)
    with host.database.session(SYSTEM) as session:
        session.execute(update(PublishState).values(hold="quota"))
    grant(host, connected.space_id, PRODUCT, "tier_2")
    tell_hook = host.registry.hooks.on_subscription_changed
    tell_hook(host=host, product="other", space_ids=[connected.space_id], before="a", after="b")
    tell_hook(host=host, product=PRODUCT, space_ids=[], before="a", after="b")
    assert resume(host, [connected.user_id]) == 0
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(PublishState.hold)).all() == ["quota", "quota"]
    tell_hook(host=host, product=PRODUCT, space_ids=[connected.space_id], before="a", after="b")
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(PublishState.hold)).all() == [None, None]
