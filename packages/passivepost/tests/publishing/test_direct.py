"""Due posts are claimed in the step that queues them, where nothing stands before them."""

from __future__ import annotations

import threading
import time

import pytest
import world
from double import DoublePlatform
from sqlalchemy import text

from passivepost.publishing.publisher import Publisher


@pytest.fixture
def publisher(host, network):
    world.install(host, DoublePlatform(network.port))
    return Publisher(host)


def lanes(host):
    """Return the posts that are queued and in nobody's hands."""
    return {s.post_id for s in world.states(host) if s.stage == "queued" and not s.lease_until}


def test_what_is_queued_is_claimed_with_all_that_publishing_needs(host, publisher):
    due = world.posts(host, world.accounts(host, 3), 3, due=-10)
    count, claims = publisher.store.promote(2)
    assert count == len(claims) == 2
    assert {c.post_id for c in claims} == set(due[:2])
    assert all(c.token == 1 and c.account.credentials.access_token for c in claims)
    assert world.statuses(host) == {"queued": 2, "scheduled": 1}
    assert lanes(host) == set()


def test_an_earlier_post_of_the_account_is_not_overtaken(host, publisher):
    owner = world.accounts(host, 1)
    first = world.posts(host, owner, 1, due=-20)[0]
    assert publisher.store.promote() == (1, [])  # queued, and claimed by nobody yet
    second = world.posts(host, owner, 1, due=-10)[0]
    publisher.store._promoted = time.monotonic()  # however long that took here
    assert publisher.store.promote(10) == (0, [])  # a moment ago all that was due had been taken
    publisher.store._promoted = 0.0
    assert publisher.store.promote(10) == (1, [])
    assert lanes(host) == {first, second}
    assert [c.post_id for c in publisher.store.claim(10)] == [first]


def test_a_claim_of_the_same_account_elsewhere_leaves_the_post_queued(host, publisher):
    """The other's lease is not seen before it is stored: then the index of accounts refuses."""
    # On SQLite nobody can write beside a promotion, so there is no such moment.
    if not host.database.is_postgres:
        pytest.skip("SQLite has one writer")
    owner = world.accounts(host, 1)
    theirs, ours = (world.posts(host, owner, 1, due=-due)[0] for due in (20, 10))
    found = []
    with host.database.system.connect() as other:
        other.execute(
            text(
                "UPDATE publish_state SET stage = 'posting', lease_owner = 'other',"
                " lease_until = now() + interval '60 s' WHERE post_id = :id"
            ),
            {"id": theirs},
        )
        thread = threading.Thread(target=lambda: found.append(publisher.store.promote(10)))
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()  # it waits for what the other will do
        other.commit()
        thread.join(10)
    assert found == [(1, [])]
    assert lanes(host) == {ours}


def test_one_worker_at_a_time_claims_what_it_queues(host, publisher):
    # On SQLite the one writer is alone anyway: no lock is asked for.
    if not host.database.is_postgres:
        pytest.skip("SQLite has one writer")
    due = world.posts(host, world.accounts(host, 3), 3, due=-10)
    with host.database.system.connect() as other:
        other.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended('passivepost.promote', 0))")
        )
        assert publisher.store.promote(10) == (3, [])
        assert lanes(host) == set(due)
    assert len(publisher.store.claim(10)) == 3
