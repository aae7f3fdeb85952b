"""Claims: one in flight per account, fair over spaces, by the database's clock."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
import world
from double import DoublePlatform
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from passivepost.publishing.claim import Cursor, claim
from passivepost.publishing.models import PublishState
from passivepost.publishing.publisher import Publisher
from passivepost.publishing.sql import Unit


@pytest.fixture
def publisher(host, network):
    world.install(host, DoublePlatform(network.port))
    return Publisher(host)


def leased(host):
    with host.database.session(world.SYSTEM, readonly=True) as session:
        return list(
            session.scalars(select(PublishState).where(PublishState.lease_until.is_not(None)))
        )


def test_one_per_account_earliest_first(host, publisher):
    owners = world.accounts(host, 5)
    world.posts(host, owners, 10, due=-10, body="second {n}")
    first = set(world.posts(host, owners, 5, due=-20, body="first {n}"))
    claims = publisher.store.look(100).claims
    assert {c.post_id for c in claims} == first
    assert publisher.store.look(100).claims == []
    assert len(leased(host)) == 5
    assert {c.account.credentials.access_token for c in claims} == {f"t{n}" for n in range(5)}


def test_a_scan_that_goes_round_takes_nothing_twice(host, publisher):
    """The second scan begins anew, before what the first has chosen is leased."""
    owners = world.accounts(host, 40)
    world.posts(host, owners, 40)
    assert len(publisher.store.look(5).claims) == 5  # the next scan begins behind these
    claims = publisher.store.look(100).claims
    assert len(claims) == len({c.post_id for c in claims}) == 35


def test_nothing_early(host, publisher):
    world.posts(host, world.accounts(host, 3), 3, due=2)
    found = publisher.store.look(10)
    assert found.claims == []
    assert 1 < found.sleep <= 2


def test_a_backlog_delays_nobody(host, publisher):
    """C18: one space with 1,000 due posts, twenty with one each, served in turn."""
    busy, others = world.accounts(host, 1), world.accounts(host, 20)
    world.posts(host, busy, 1000, due=-100)
    small = set(world.posts(host, others, 20, due=-1))
    claims = publisher.store.look(10).claims + publisher.store.look(15).claims
    assert small <= {c.post_id for c in claims}
    assert Counter(c.account_id for c in claims)[busy[0][2]] == 1


def test_a_few_per_space(host, publisher):
    owner = world.accounts(host, 1)[0]
    extra = [owner]
    for n in range(6):  # a client space with seven accounts, of seven networks
        extra += world.accounts(host, 1, platform=f"double{n}")
    for user, space, account in extra[1:]:
        world.execute(
            host,
            "UPDATE social_accounts SET space_id = :s WHERE id = :a",
            s=_id(host, owner[1]),
            a=_id(host, account),
        )
    mixed = [(owner[0], owner[1], account) for _, _, account in extra]
    world.posts(host, mixed, 7)
    assert len(publisher.store.look(100).claims) == 4


def _id(host, value):
    return value if host.database.is_postgres else value.hex


def test_two_in_flight_per_account_cannot_be_stored(host, publisher):
    owners = world.accounts(host, 1)
    world.posts(host, owners, 2)
    publisher.store.look(1)
    with pytest.raises(IntegrityError):
        world.execute(host, "UPDATE publish_state SET lease_until = due_at")


def test_racing_workers_claim_each_post_once(host, network):
    """C6: eight claimers over 300 accounts; every lease belongs to one."""
    world.install(host, DoublePlatform(network.port))
    world.posts(host, world.accounts(host, 300), 600)
    found, faults = [], []

    def work():
        publisher = Publisher(host)
        try:
            for _ in range(12):
                found.extend(c.post_id for c in publisher.store.look(40).claims)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert len(found) == len(set(found)) == 300
    assert len(leased(host)) == 300


def test_arming_asks_for_everything_that_must_hold(host, publisher):
    from musekit.api import new_id
    from passivepost.publishing.work import Arm

    cases = {
        "fine": "UPDATE publish_state SET updated_at = updated_at WHERE post_id = :p",
        "edited": "UPDATE publish_state SET revision = 2 WHERE post_id = :p",
        "token": "UPDATE publish_state SET lease_token = 9 WHERE post_id = :p",
        "held": "UPDATE publish_state SET hold = 'paused' WHERE post_id = :p",
        "review": "UPDATE publish_state SET review = 'unconfirmed' WHERE post_id = :p",
        "lease": "UPDATE publish_state SET lease_until = due_at WHERE post_id = :p",
        "stage": "UPDATE publish_state SET stage = 'done' WHERE post_id = :p",
        "status": "UPDATE social_posts SET status = 'scheduled' WHERE id = :p",
        "deleted": "DELETE FROM social_posts WHERE id = :p",
    }
    world.posts(host, world.accounts(host, len(cases)), len(cases))
    claims = publisher.store.look(100).claims
    assert len(claims) == len(cases)
    for sql, each in zip(cases.values(), claims, strict=True):
        world.execute(host, sql, p=_id(host, each.post_id))
    answers = publisher.store.write([Arm(c, new_id(), 5.0, None) for c in claims])
    armed = [name for name, answer in zip(cases, answers, strict=True) if answer]
    assert armed == ["fine"]
    assert len(world.attempts(host, claims[0].post_id)) == 1


def test_changed_while_the_arming_waits_for_the_post(host, publisher):
    """The post's row was locked; when it is free, its state is another: nothing is half armed."""
    if not host.database.is_postgres:
        pytest.skip("SQLite has one writer")
    import threading

    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    from musekit.api import new_id
    from passivepost.publishing.work import Arm

    world.posts(host, world.accounts(host, 2), 2)
    claims = publisher.store.look(10).claims
    faults = []

    def arm():
        try:
            publisher.store.write([Arm(c, new_id(), 5.0, None) for c in claims])
        except DBAPIError as error:
            faults.append(error)

    with host.database.session(world.SYSTEM) as session:
        here = {"p": claims[0].post_id}
        session.execute(text("SELECT 1 FROM social_posts WHERE id = :p FOR UPDATE"), here)
        thread = threading.Thread(target=arm)
        thread.start()
        time.sleep(0.5)
        session.execute(text("UPDATE publish_state SET revision = 2 WHERE post_id = :p"), here)
    thread.join(10)
    assert len(faults) == 1
    assert world.statuses(host) == {"queued": 2}
    assert [s.stage for s in world.states(host)] == ["queued", "queued"]
    assert not any(world.attempts(host, c.post_id) for c in claims)
    answers = publisher.store.write([Arm(c, new_id(), 5.0, None) for c in claims])
    assert [bool(answer) for answer in answers] == [False, True]


def test_one_post_under_two_leases_in_one_batch(host, publisher):
    """A task that outlived its lease, waiting for a token, asks beside the one that took over."""
    import copy

    from musekit.api import new_id
    from passivepost.publishing.arm import Mark, Note
    from passivepost.publishing.outcomes import result_of
    from passivepost.publishing.work import Arm, Move

    post_id = world.posts(host, world.accounts(host, 1), 1)[0]
    old = publisher.store.look(1).claims[0]
    world.execute(host, "UPDATE publish_state SET lease_token = lease_token + 1")
    new = copy.copy(old)
    new.token += 1
    store = publisher.store
    assert store.write([Mark(post_id, new.token), Mark(post_id, old.token)]) == [True, False]
    notes = [Note(post_id, each.token, f'{{"of": {each.token}}}') for each in (new, old)]
    assert store.write(notes) == [True, False]
    assert world.state(host, post_id)[0].progress == {"of": new.token}

    wishes = [Arm(each, new_id(), 5.0, None) for each in (new, old)]
    attempt, none = store.write(wishes)
    assert none is None
    assert [(a.id, a.lease_token) for a in world.attempts(host, post_id)] == [
        (attempt.id, new.token)
    ]

    new.attempt = attempt
    words = {"outcome": "not_sent", "message": "wait"}
    store.record([
        result_of(new, Move.QUEUED, **words),
        result_of(old, Move.QUEUED, message="long ago"),
    ])  # fmt: skip
    assert world.state(host, post_id)[1].error_message == "wait"


def test_a_result_that_does_not_fit_keeps_no_arming_out(host, publisher):
    """Its attempt is closed already: it is looked at apart, and what came with it is armed."""
    from musekit.api import new_id
    from passivepost.publishing.outcomes import result_of
    from passivepost.publishing.work import Arm, Move

    ids = world.posts(host, world.accounts(host, 3), 3)
    claims = {c.post_id: c for c in publisher.store.look(10).claims}
    done, late, new = (claims[post_id] for post_id in ids)
    store = publisher.store
    done.attempt, late.attempt = store.write([Arm(c, new_id(), 5.0, None) for c in (done, late)])
    store.record([result_of(late, Move.UNCONFIRMED, outcome="unknown", delay=None)])
    world.execute(
        host, "UPDATE publish_attempts SET outcome = 'rejected' WHERE outcome = 'unknown'"
    )
    results = [
        result_of(each, Move.POSTED, outcome="confirmed", ids=[f"x{each.post_id}"])
        for each in (done, late)
    ]
    assert [bool(answer) for answer in store.write([Arm(new, new_id(), 5.0, None)], results)] == [
        True
    ]
    assert [world.state(host, post_id)[1].status for post_id in ids] == [
        "posted", "posting", "posting",
    ]  # fmt: skip
    assert world.attempts(host, ids[1])[0].outcome == "rejected"


def test_each_doubt_is_looked_into_from_the_beginning(host, publisher):
    from musekit.api import new_id
    from passivepost.publishing.outcomes import result_of
    from passivepost.publishing.work import Arm, Move

    post_id = world.posts(host, world.accounts(host, 1), 1)[0]
    world.execute(host, "UPDATE publish_state SET reconciles = 3")  # of a doubt that was resolved
    store = publisher.store
    claim = store.look(1).claims[0]
    (claim.attempt,) = store.write([Arm(claim, new_id(), 5.0, None)])
    store.record([result_of(claim, Move.UNCONFIRMED, outcome="unknown", delay=5.0)])
    state = world.state(host, post_id)[0]
    assert (state.review, state.reconciles) == ("unconfirmed", 0)


def test_evidence_that_comes_with_an_arming_stops_it(host, publisher):
    """A post was taken for absent and is claimed again when word comes that it is live."""
    from musekit.api import new_id
    from passivepost.publishing.outcomes import result_of
    from passivepost.publishing.work import Arm, Move

    post_id = world.posts(host, world.accounts(host, 1), 1)[0]
    store = publisher.store
    old = store.look(1).claims[0]
    (old.attempt,) = store.write([Arm(old, new_id(), 5.0, None)])
    store.record([result_of(old, Move.QUEUED, outcome="reconciled_absent")])
    new = store.look(1).claims[0]
    evidence = result_of(old, Move.POSTED, outcome="confirmed", ids=["x1"])
    assert store.write([Arm(new, new_id(), 5.0, None)], [evidence]) == [None]
    assert world.state(host, post_id)[1].status == "posted"
    assert [a.outcome for a in world.attempts(host, post_id)] == ["confirmed"]


def test_pulled_back_while_leased_is_not_sent(host, publisher):
    from musekit.api import SocialPost, new_id
    from passivepost.publishing import service
    from passivepost.publishing.work import Arm

    post_id = world.posts(host, world.accounts(host, 1), 1)[0]
    claims = publisher.store.look(1).claims
    with host.database.session(world.SYSTEM) as session:
        service.pull_back(session, session.get(SocialPost, post_id))
    assert publisher.store.write([Arm(claims[0], new_id(), 5.0, None)]) == [None]


def test_claim_cost_does_not_grow(host, publisher):
    """The plan touches a number of rows that the batch sets, not the backlog."""
    if not host.database.is_postgres:
        pytest.skip("read from PostgreSQL's plan")
    owners = world.accounts(host, 50)
    world.posts(host, owners, 4000, due=-30)
    publisher.store._promoted = 0
    for _ in range(3):
        publisher.store._promote(2000)
    world.execute(host, "ANALYZE publish_state")
    from passivepost.publishing import claim as module

    with host.database.session(world.SYSTEM) as session:
        sql = module._LANES.postgres
        plan = (
            session.connection()
            .exec_driver_sql(
                "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + sql,
                {"space": module._START, "account": module._START, "scan": 32, "late": 3600.0},
            )
            .scalar()[0]["Plan"]
        )
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 32 * 25, plan


def test_late_in_the_queue_is_held_not_sent(host, publisher):
    post_id = world.posts(host, world.accounts(host, 1), 1, due=-10)[0]
    publisher.store._promote(100)
    world.execute(host, "UPDATE publish_state SET due_at = :d", d=_time(host, time.time() - 7200))
    with host.database.session(world.SYSTEM) as session:
        assert claim(Unit(session.connection()), 10, Cursor(), publisher.store._terms) == []
    assert world.state(host, post_id)[0].hold == "late"


def _time(host, seconds):
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(seconds, UTC)
    return at if host.database.is_postgres else at.strftime("%Y-%m-%d %H:%M:%S.%f")


def test_moves_of_a_post(host):
    """C26: 22 of the 56 moves are allowed by the database itself."""
    from musekit.api import POST_MOVES, POST_STATUSES

    owners = world.accounts(host, 1)
    allowed = set()
    for before in POST_STATUSES:
        for after in POST_STATUSES:
            if before == after:
                continue
            post_id = world.posts(host, owners, 1)[0]
            for status in (*_way("scheduled", before, POST_MOVES), after):
                try:
                    world.execute(
                        host,
                        "UPDATE social_posts SET status = :s WHERE id = :p",
                        s=status,
                        p=_id(host, post_id),
                    )
                except IntegrityError:
                    assert status == after
                    break
            else:
                allowed.add((before, after))
    assert allowed == {(a, b) for a, moves in POST_MOVES.items() for b in moves}
    assert len(allowed) == 22


def _way(start, end, moves):
    """Return the states between, and the end: the shortest way there."""
    ways = {start: []}
    while end not in ways:
        ways.update(
            {n: [*way, n] for s, way in list(ways.items()) for n in moves[s] if n not in ways}
        )
    return ways[end]
