"""Each answer of a network leads where it must (F4–F19 of the failure table)."""

from __future__ import annotations

import time

import pytest
import world
from double import DoublePlatform


def one(host, body, *, token="t{n}", platform="double"):
    owner = world.accounts(host, 1, token=token, platform=platform)
    return world.posts(host, owner, 1, body=body, platform=platform)[0]


# body → status in the end, outcomes of the attempts, accepted by the network, failure kind
MATRIX = {
    "plain": ("hello", "posted", ["confirmed"], 1, None),
    "rejected": ("fault=reject", "failed", ["rejected"], 0, "rejected"),
    "foreign duplicate": ("fault=duplicate", "failed", ["duplicate"], 0, "duplicate"),
    "busy once": ("fault=busy", "posted", ["not_sent", "confirmed"], 1, None),
    "busy for ever": ("fault=busy*", "failed", ["not_sent"] * 4, 0, "retries"),
    "500 after accept": ("fault=500-after", "posted", ["reconciled_live"], 1, None),
    "cut after accept": ("fault=drop-after", "posted", ["reconciled_live"], 1, None),
    "hangs after accept": ("fault=hang-after", "posted", ["reconciled_live"], 1, None),
    "cut before accept": (
        "fault=drop-before",
        "posted",
        ["reconciled_absent", "confirmed"],
        1,
        None,
    ),
    "undeclared error": ("raise-oddly", "posting", ["unknown"], 0, "unknown"),
}


@pytest.mark.parametrize("case", MATRIX)
def test_outcome(case, host, network, publish, until):
    body, status, outcomes, accepted, kind = MATRIX[case]
    # An undeclared error says nothing; with nothing to read, it ends with a person.
    back = "no" if case == "undeclared error" else "yes"
    world.install(host, DoublePlatform(network.port, longest_call=1.0, read_back=back))
    post_id = one(host, body)
    publish()
    until(
        lambda: (
            len(world.attempts(host, post_id)) >= len(outcomes)
            and world.state(host, post_id)[1].status == status
            and (status != "posting" or world.state(host, post_id)[0].review)
        )
    )
    state, post = world.state(host, post_id)
    found = [a.outcome for a in world.attempts(host, post_id)]
    assert (post.status, found, len(network.accepted), state.failure_kind) == (
        status,
        outcomes,
        accepted,
        kind,
    )
    assert state.lease_until is None


def test_without_read_back_a_person_is_asked_and_nothing_is_sent_again(
    host, network, publish, until
):
    world.install(host, DoublePlatform(network.port, read_back="no"))
    post_id = one(host, "fault=500-after")
    publish()
    until(lambda: world.state(host, post_id)[0].review == "unconfirmed")
    time.sleep(1.2)  # several sweeps and looks
    state, post = world.state(host, post_id)
    assert (state.review, state.reconcile_at, post.status) == ("unconfirmed", None, "posting")
    assert len(network.requests) == 1


def test_a_network_that_knows_our_key_gets_the_same_call_again(host, network, publish, until):
    world.install(host, DoublePlatform(network.port, idempotency="native"))
    post_id = one(host, "fault=drop-after")
    publish()
    until(lambda: world.state(host, post_id)[1].status == "posted")
    assert [a.outcome for a in world.attempts(host, post_id)] == ["unknown", "confirmed"]
    assert len(network.accepted) == 1
    assert len({key for _, key, *_ in network.requests}) == 1


def test_expired_token_is_refreshed_once_and_the_post_goes_on(host, network, publish, until):
    world.install(host, DoublePlatform(network.port))
    post_id = one(host, "hello", token="stale{n}")
    publish()
    until(lambda: world.state(host, post_id)[1].status == "posted")
    assert [a.outcome for a in world.attempts(host, post_id)] == ["not_sent", "confirmed"]
    assert [author for *_, author in network.requests] == ["stale0", "fresh0"]


@pytest.mark.parametrize("token", ["revoked{n}", "stale-always{n}", "stale-revoked{n}"])
def test_revoked_account_is_held_and_nothing_fails(token, host, network, publish, until):
    world.install(host, DoublePlatform(network.port))
    owner = world.accounts(host, 1, token=token)
    ids = world.posts(host, owner, 3)
    publish()
    until(lambda: all(world.state(host, i)[0].hold == "reconnect" for i in ids))
    assert world.statuses(host) == {"queued": 3}
    assert network.accepted == []
    assert len(network.requests) <= 2
    # Connected again: all go out.
    from musekit.api import SocialAccount
    from passivepost.accounts.vault import seal
    from passivepost.sdk.content import Credentials

    with host.database.session(world.SYSTEM) as session:
        row = session.get(SocialAccount, owner[0][2])
        assert row.is_valid is False
        for name, value in seal(host.keyring, row, Credentials(access_token="good")).items():
            setattr(row, name, value)
        row.is_valid = True
    until(lambda: world.statuses(host) == {"posted": 3})


def test_rate_limit_holds_the_account_and_burns_no_try(host, network, publish, until):
    world.install(host, DoublePlatform(network.port))
    network.reset_at = time.time() + 2.5
    owner, other = world.accounts(host, 1, token="limited{n}"), world.accounts(host, 1)
    ids = world.posts(host, owner, 5, body="limited {n}")
    world.posts(host, other, 3, body="free {n}")
    publish()
    until(lambda: world.statuses(host)["posted"] == 3)
    fresh = world.posts(host, owner, 1, body="due meanwhile")
    until(lambda: world.statuses(host)["posted"] == 9)
    calls = [at for at, _, text, _ in network.requests if text.startswith(("limited", "due"))]
    assert len([at for at in calls if at < network.reset_at]) == 1
    assert max(network.keys().values()) == 1
    assert {world.state(host, i)[0].tries for i in [*ids, *fresh]} == {0}


def test_misconfigured_is_held(host, network, publish, until):
    world.install(host, DoublePlatform(network.port))
    post_id = one(host, "fault=config")
    publish()
    until(lambda: world.state(host, post_id)[0].hold == "misconfigured")
    assert world.state(host, post_id)[1].status == "queued"


def test_nobody_listening_is_known_not_sent(host, network, publish, until):
    platform = DoublePlatform(network.port)
    world.install(host, platform)
    post_id = one(host, "hello")
    port, platform.port = platform.port, 1
    host.outbound.allow("127.0.0.1", 1)
    publish()
    until(lambda: world.attempts(host, post_id) and world.attempts(host, post_id)[0].outcome)
    platform.port = port
    until(lambda: world.state(host, post_id)[1].status == "posted")
    assert world.attempts(host, post_id)[0].outcome == "not_sent"


def test_own_duplicate_is_looked_for_and_never_failed(host, network, publish, until):
    """Killed between the acceptance and our record; the repeat is refused as a duplicate."""
    world.install(host, DoublePlatform(network.port))
    post_id = one(host, "fault=duplicate*")
    key = world.state(host, post_id)[0].publish_key
    network.accepted.append((f"{key}:0", "fault=duplicate*", "t0", "p1"))
    world.execute(host, "UPDATE publish_state SET attempts = 1, armed_at = due_at")
    _attempt(host, post_id, n=1, outcome="reconciled_absent")
    publish()
    until(lambda: world.state(host, post_id)[1].status == "posted")
    assert [a.outcome for a in world.attempts(host, post_id)][-1] == "reconciled_live"
    assert len(network.accepted) == 1


def _attempt(host, post_id, **values):
    from datetime import UTC, datetime

    from musekit.api import new_id
    from passivepost.publishing.models import PublishAttempt

    state, _ = world.state(host, post_id)
    now = datetime.now(UTC)
    with host.database.session(world.SYSTEM) as session:
        session.add(
            PublishAttempt(
                id=new_id(),
                space_id=state.space_id,
                post_id=post_id,
                publish_key=state.publish_key,
                account_id=state.account_id,
                lease_token=0,
                content_hash="",
                opened_at=now,
                armed_at=now,
                worker="w",
                code_version="0",
                **values,
            )
        )


def test_one_id_for_two_posts_is_not_shown_as_posted(host, network, publish, until):
    world.install(host, DoublePlatform(network.port, read_back="no"))
    owner = world.accounts(host, 1)
    ids = world.posts(host, owner, 2, body="fault=same-id {n}")
    publish()
    until(lambda: {world.state(host, i)[1].status for i in ids} == {"posted", "posting"})
    held = next(i for i in ids if world.state(host, i)[1].status == "posting")
    until(lambda: world.state(host, held)[0].review == "unconfirmed")
    assert world.attempts(host, held)[0].error_class == "id_taken"


def test_a_thread_goes_on_where_it_was_cut(host, network, publish, until):
    world.install(host, DoublePlatform(network.port))
    owner = world.accounts(host, 1)
    parts = [
        {"text": f"part {n}" + (" fault=busy" if n == 2 else ""), "media": []} for n in range(4)
    ]
    post_id = world.posts(host, owner, 1, parts=parts)[0]
    publish()
    until(lambda: world.state(host, post_id)[1].status == "posted")
    assert [a[1] for a in network.accepted] == [p["text"] for p in parts]
    from passivepost.posts.models import PostDetails

    with host.database.session(world.SYSTEM) as session:
        assert session.get(PostDetails, post_id).posted_ids == ["p1", "p2", "p3", "p4"]


def test_a_post_too_late_waits_for_a_decision(host, network, publish, until):
    world.install(host, DoublePlatform(network.port))
    owner = world.accounts(host, 1)
    late = world.posts(host, owner, 1, due=-7200)[0]
    world.posts(host, owner, 1)
    publish()
    until(lambda: world.statuses(host)["posted"] == 1)
    state, post = world.state(host, late)
    assert (state.hold, post.status, len(network.accepted)) == ("late", "scheduled", 1)
    from passivepost.publishing import service

    with host.database.session(world.SYSTEM) as session:
        service.resolve(session, late, "resend")
    until(lambda: world.statuses(host)["posted"] == 2)


def test_missing_platform_holds_and_lets_go(host, network, publish, until):
    world.install(host, DoublePlatform(network.port))
    owner = world.accounts(host, 1, platform="gone")
    post_id = world.posts(host, owner, 1, platform="gone")[0]
    stop = publish()
    until(lambda: world.state(host, post_id)[0].hold == "platform_missing")
    stop.request(5)
    back = DoublePlatform(network.port)
    back.name = "gone"
    world.install(host, back)
    publish()
    until(lambda: world.state(host, post_id)[1].status == "posted")


def test_unreadable_credentials_hold_the_account(host, network, publish, until):
    world.install(host, DoublePlatform(network.port))
    owner = world.accounts(host, 1)
    post_id = world.posts(host, owner, 1)[0]
    world.execute(host, "UPDATE social_accounts SET access_token_encrypted = 'v1.x.y.z'")
    publish()
    until(lambda: world.state(host, post_id)[0].hold == "reconnect")
    assert network.requests == []
