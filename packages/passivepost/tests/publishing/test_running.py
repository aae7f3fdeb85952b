"""The publisher as a service: drain, cron, spool, sweeps, poison."""

from __future__ import annotations

import threading
import time
from uuid import uuid4

import pytest
import world
from double import DoublePlatform, Network, PreparingPlatform

from passivepost.publishing.once import deliver_once
from passivepost.publishing.publisher import Publisher
from passivepost.publishing.spool import Spool
from passivepost.publishing.work import Move, Result


@pytest.fixture
def slow():
    made = Network(delay=0.4)
    yield made
    made.close()


def test_sigterm_finishes_calls_and_hands_back_the_rest(host, slow, publish, until):
    """C17: what is armed ends, what is not goes back with no lease; nothing twice, nothing lost."""
    world.install(host, DoublePlatform(slow.port), send_slots=10)
    world.posts(host, world.accounts(host, 60), 60)
    stop = publish()
    until(lambda: len(slow.requests) >= 10)
    begun = time.monotonic()
    stop.request(20)
    until(lambda: world.statuses(host)["posting"] == 0, 5)
    assert time.monotonic() - begun < 5
    time.sleep(0.5)
    counts = world.statuses(host)
    assert counts["posted"] == len(slow.accepted) < 60
    assert counts["posted"] + counts["queued"] + counts["scheduled"] == 60
    from test_claims import leased

    assert leased(host) == []
    publish()
    until(lambda: world.statuses(host)["posted"] == 60)
    assert max(slow.keys().values()) == 1


def test_cron_delivers_without_a_worker(host, network):
    world.install(host, DoublePlatform(network.port))
    world.posts(host, world.accounts(host, 20), 120)
    report = deliver_once(host, budget=20)
    assert (report.claimed, report.posted, report.remaining) == (120, 120, 0)
    assert deliver_once(host, budget=5).claimed == 0
    assert len(network.accepted) == 120


def test_cron_stops_in_time_and_leaves_the_rest_due(host, slow):
    world.install(host, DoublePlatform(slow.port))
    world.posts(host, world.accounts(host, 4), 100)
    begun = time.monotonic()
    report = deliver_once(host, budget=1.0)
    assert time.monotonic() - begun < 4
    assert 0 < report.posted < 100
    assert report.posted + report.remaining == 100
    assert world.statuses(host)["posted"] == report.posted


def test_fifty_cron_calls_at_once(host, network):
    """C6, in one process; rows are claimed, so between processes it is the same."""
    world.install(host, DoublePlatform(network.port))
    world.posts(host, world.accounts(host, 30), 200)
    reports, begun = [], time.monotonic()

    def call():
        reports.append(deliver_once(host, budget=20))

    threads = [threading.Thread(target=call) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(r.posted for r in reports) == 200
    assert len(reports) == 50
    assert max(network.keys().values()) == 1
    del begun


def test_two_publishers_send_each_post_once(host, network, publish, until):
    world.install(host, DoublePlatform(network.port))
    world.posts(host, world.accounts(host, 40), 200)
    for _ in range(3):
        publish()
    until(lambda: world.statuses(host)["posted"] == 200)
    assert (len(network.accepted), max(network.keys().values())) == (200, 1)


def test_results_wait_on_disk_while_the_database_is_away(host, slow, publish, until, monkeypatch):
    """C9: the call is made, the record fails; the result is stored when the database is back."""
    from sqlalchemy.exc import OperationalError

    from passivepost.publishing.store import Store

    world.install(host, DoublePlatform(slow.port, read_back="no"))
    record, write, away = Store.record, Store.write, threading.Event()
    away.set()

    def there(results):
        if results and away.is_set():
            raise OperationalError("", {}, Exception("the database is away"))

    monkeypatch.setattr(Store, "record", lambda self, it: (there(it), record(self, it))[1])
    monkeypatch.setattr(
        Store, "write", lambda self, wishes, it: (there(it), write(self, wishes, it))[1]
    )
    world.posts(host, world.accounts(host, 10), 10)
    stop = publish()
    until(lambda: len(slow.accepted) == 10)
    time.sleep(1.2)
    assert world.statuses(host) == {"posting": 10}
    stop.request(5)
    time.sleep(1.5)
    away.clear()
    publish()
    until(lambda: world.statuses(host) == {"posted": 10})
    assert len(slow.accepted) == 10


def test_spool_of_a_dead_process_is_adopted(tmp_path):
    results = [
        Result(
            post_id=uuid4(),
            space_id=uuid4(),
            account_id=uuid4(),
            token=1,
            move=Move.POSTED,
            attempt_id=uuid4(),
            outcome="confirmed",
            ids=["1"],
        )
        for _ in range(3)
    ]
    dead = Spool(tmp_path, 65536)
    dead.append(results[:2])
    dead.append(results[2:])
    import os

    os.close(dead._file)  # as a killed process would leave it: unlocked, not taken away
    stored = []
    live = Spool(tmp_path, 65536)
    assert live.replay(stored.extend) == 3
    assert stored == results
    assert live.replay(stored.extend) == 0


def test_a_broken_store_keeps_the_spool(tmp_path):
    spool = Spool(tmp_path, 65536)
    result = Result(
        post_id=uuid4(), space_id=uuid4(), account_id=uuid4(), token=1, move=Move.FAILED
    )
    spool.append([result])

    def away(results):
        raise OSError("away")

    with pytest.raises(OSError):
        spool.replay(away)
    stored = []
    assert spool.replay(stored.extend) == 1
    assert stored == [result]


def test_lost_lease_with_nothing_armed_goes_back_uncounted(host, network):
    world.install(host, DoublePlatform(network.port))
    publisher = Publisher(host)
    post_id = world.posts(host, world.accounts(host, 1), 1)[0]
    publisher.store.look(1)
    world.execute(host, "UPDATE publish_state SET lease_until = due_at")
    assert publisher.store.sweep(2) == 1
    state, post = world.state(host, post_id)
    assert (state.lease_until, state.crashes, post.status) == (None, 0, "queued")
    assert len(publisher.store.look(1).claims) == 1


def test_poison_is_set_aside_after_two_workers(host, network):
    """C20: its preparation ended two workers."""
    from passivepost.publishing.arm import Mark

    world.install(host, PreparingPlatform(network.port))
    publisher = Publisher(host)
    post_id = world.posts(host, world.accounts(host, 1), 1)[0]
    for _ in range(2):
        claims = publisher.store.look(1).claims
        assert publisher.store.write([Mark(claims[0].post_id, claims[0].token)]) == [True]
        world.execute(host, "UPDATE publish_state SET lease_until = due_at")
        publisher.store.sweep(2)
    state, post = world.state(host, post_id)
    assert (state.failure_kind, post.status) == ("poison", "failed")


def test_late_evidence_is_accepted(host, network, publish, until):
    """The lease ran out, the sweep called it unconfirmed; then the slow worker's answer comes."""
    from musekit.api import new_id
    from passivepost.publishing.outcomes import result_of
    from passivepost.publishing.work import Arm

    world.install(host, DoublePlatform(network.port, read_back="no"))
    publisher = Publisher(host)
    post_id = world.posts(host, world.accounts(host, 1), 1)[0]
    claims = publisher.store.look(1).claims
    claims[0].attempt = publisher.store.write([Arm(claims[0], new_id(), 5.0, None)])[0]
    world.execute(host, "UPDATE publish_state SET lease_until = due_at")
    publisher.store.sweep(2)
    assert world.state(host, post_id)[0].review == "unconfirmed"
    publisher.store.record([result_of(claims[0], Move.POSTED, outcome="confirmed", ids=["x1"])])
    state, post = world.state(host, post_id)
    assert (post.status, post.platform_post_id, state.review, state.stage) == (
        "posted",
        "x1",
        "resolved",
        "done",
    )


@pytest.mark.parametrize(
    ("decision", "status", "outcome"),
    [
        ("live", "posted", "resolved_live"),
        ("drop", "failed", "resolved_absent"),
        ("resend", "posted", "resolved_absent"),
    ],
)
def test_a_person_decides(decision, status, outcome, host, network, publish, until):
    from passivepost.publishing import service

    world.install(host, DoublePlatform(network.port, read_back="no"))
    post_id = world.posts(host, world.accounts(host, 1), 1, body="fault=drop-before")[0]
    publish()
    until(lambda: world.state(host, post_id)[0].review == "unconfirmed")
    with host.database.session(world.SYSTEM) as session:
        service.resolve(session, post_id, decision, ids=["x9"] if decision == "live" else None)
    until(lambda: world.state(host, post_id)[1].status == status)
    assert world.attempts(host, post_id)[0].outcome == outcome
    assert len(network.accepted) == (1 if decision == "resend" else 0)


def test_the_bell_wakes_a_sleeping_publisher(host, network, publish, until):
    from passivepost.publishing.bell import bell_of

    world.install(host, DoublePlatform(network.port), poll_seconds=30.0)
    publish()
    time.sleep(1.0)
    world.posts(host, world.accounts(host, 1), 1)
    bell_of(host).ring()
    until(lambda: world.statuses(host)["posted"] == 1, 3)


def test_on_time_by_the_database_clock(host, network, publish, until):
    world.install(host, DoublePlatform(network.port), poll_seconds=30.0)
    owners = world.accounts(host, 1)
    post_id = world.posts(host, owners, 1, due=1.5)[0]
    publish()
    until(lambda: world.statuses(host)["posted"] == 1, 6)
    state, _ = world.state(host, post_id)
    late = (world.attempts(host, post_id)[0].armed_at - state.due_at).total_seconds()
    assert 0 <= late < 1


@pytest.mark.parametrize("backend", ["sqlite"])
def test_full_disk_sends_nothing_that_is_not_armed(backend, host, slow, publish, until, caplog):
    """C10: no call without a durable arming; it goes on by itself when there is room again."""
    from sqlalchemy import event

    full = threading.Event()
    engine = host.database.system

    @event.listens_for(engine, "begin")
    def limit(connection):
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        most = pages if full.is_set() else 1_000_000
        connection.exec_driver_sql(f"PRAGMA max_page_count = {most}")

    world.install(
        host,
        DoublePlatform(slow.port),
        send_slots=10,
        lease_margin_seconds=2.0,
        arm_safety=0.5,
        arm_fresh=0.5,
    )
    world.posts(host, world.accounts(host, 40), 400, body="x" * 3000 + "{n}")
    publish()
    until(lambda: len(slow.accepted) >= 10)
    full.set()
    time.sleep(3)
    assert "OperationalError" in caplog.text  # the disk was really full
    armed = sum(len(world.attempts(host, s.post_id)) for s in world.states(host) if s.attempts)
    assert len(slow.requests) <= armed
    full.clear()
    until(lambda: world.statuses(host)["posted"] == 400, 60)
    assert (len(slow.accepted), max(slow.keys().values())) == (400, 1)
    with host.database.session(world.SYSTEM) as session:
        assert session.connection().exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_an_arming_that_fails_makes_no_call_and_goes_on(host, network, publish, until, monkeypatch):
    """The commit fails after it was stored, or before: no call is made, the post goes later."""
    from sqlalchemy.exc import OperationalError

    from passivepost.publishing.store import Store

    real, faults = Store.write, []

    def write(self, *items):
        if len(faults) < 4:
            if len(faults) % 2:
                real(self, *items)  # stored, but its worker does not hear of it
            faults.append(len(network.requests))
            raise OperationalError("", {}, Exception("connection lost"))
        return real(self, *items)

    monkeypatch.setattr(Store, "write", write)
    world.install(host, DoublePlatform(network.port, read_back="no"))
    world.posts(host, world.accounts(host, 6), 6)
    publish()
    until(lambda: world.statuses(host) == {"posted": 6})
    assert len(faults) == 4
    assert (len(network.accepted), len(network.requests)) == (6, 6)
