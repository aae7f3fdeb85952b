"""C5: a worker that stalls after arming sends nothing late; a thread is never begun anew."""

from __future__ import annotations

import threading
import time

import pytest
import world
from double import DoublePlatform
from sqlalchemy import event
from sqlalchemy.orm import Session

from passivepost.publishing.express import Express
from passivepost.publishing.sql import Statement


@pytest.fixture
def stalling(host, monkeypatch):
    """Let the commit of the first arming take so long, or the word of it; then all go on."""

    def stall(moment, seconds):
        from passivepost.publishing import store

        first = []

        def once(wishes):
            if first or not wishes:
                return False
            first.append(moment)
            return True

        if host.database.is_postgres:
            send, write = Express.send, store.Store.write
            stalled = threading.local()

            def sent(self, *calls, last=False):
                mine, stalled.mine = getattr(stalled, "mine", False), False
                if mine and moment == "commit":
                    calls = (*calls, (Statement(f"SELECT pg_sleep({seconds})"), (), {}))
                rows = send(self, *calls, last=last)
                if mine and moment == "word":
                    time.sleep(seconds)
                return rows

            def marked(self, wishes, results=()):
                stalled.mine = once(wishes)
                return write(self, wishes, results)

            monkeypatch.setattr(Express, "send", sent)
            monkeypatch.setattr(store.Store, "write", marked)
            return

        real = store.Store.write
        where = (
            (host.database.system, "commit") if moment == "commit" else (Session, "after_commit")
        )

        def write(self, wishes, results=()):
            mine = threading.get_ident()

            def wait(_):
                if threading.get_ident() == mine:
                    time.sleep(seconds)

            if not once(wishes):
                return real(self, wishes, results)
            event.listen(*where, wait)
            try:
                return real(self, wishes, results)
            finally:
                event.remove(*where, wait)

        monkeypatch.setattr(store.Store, "write", write)

    return stall


def test_a_commit_that_stalls_sends_nothing(host, network, publish, until, stalling):
    """The arming is durable, but its time is over: it was said to be sent at once."""
    world.install(host, DoublePlatform(network.port, longest_call=1.0), arm_fresh=1.0)
    stalling("commit", 1.5)
    post_id = world.posts(host, world.accounts(host, 1), 1)[0]
    publish()
    until(lambda: world.statuses(host) == {"posted": 1})
    assert [a.outcome for a in world.attempts(host, post_id)] == ["not_sent", "confirmed"]
    assert (len(network.accepted), len(network.requests)) == (1, 1)


def test_word_of_an_arming_that_comes_late_sends_nothing(host, network, publish, until, stalling):
    """Stored, but its worker hears of it when others have looked for the post and sent it again."""
    quick = {"lease_margin_seconds": 1.5, "arm_safety": 1.0, "arm_fresh": 1.0}
    world.install(host, DoublePlatform(network.port, longest_call=1.0), **quick)
    stalling("word", 7.0)
    post_id = world.posts(host, world.accounts(host, 1), 1)[0]
    publish()
    publish()
    until(lambda: world.statuses(host) == {"posted": 1})
    time.sleep(6)  # the first worker hears of its arming
    assert max(network.keys().values()) == 1, world.story(host, network)
    assert world.attempts(host, post_id)[-1].outcome == "confirmed"


def test_cut_while_arming_leaves_nothing_open(host, network, publish, until, stalling):
    """Told to end at once while the word of an arming is out: no call, and no open attempt."""
    quick = {"lease_margin_seconds": 3.0, "arm_safety": 1.0, "arm_fresh": 1.0}
    world.install(host, DoublePlatform(network.port, longest_call=1.0), **quick)
    stalling("word", 3.0)
    post_id = world.posts(host, world.accounts(host, 1), 1)[0]
    stop = publish()
    until(lambda: world.attempts(host, post_id))
    stop.request(0.5)
    time.sleep(4)
    assert network.requests == []
    publish()
    until(lambda: world.statuses(host) == {"posted": 1})
    cut, sent = [a.outcome for a in world.attempts(host, post_id)]
    assert (cut in {"not_sent", "reconciled_absent"}, sent) == (True, "confirmed")
    assert len(network.requests) == 1


class Forgetful(DoublePlatform):
    """Its read-back lags: it shows the first part of a thread and no more."""

    async def find_published(self, call):
        from passivepost.api import Found

        found = await super().find_published(call)
        return Found(ids=found.ids[:1], complete=False)


def test_a_read_back_that_lags_takes_no_part_back(host, network, publish, until):
    """What the platform noted as posted stays posted, though the network shows less of it."""
    world.install(host, Forgetful(network.port, longest_call=1.0))
    parts = [{"text": f"part {n}" + (" fault=drop-before" if n == 2 else ""), "media": []}
             for n in range(4)]  # fmt: skip
    world.posts(host, world.accounts(host, 1), 1, parts=parts)
    publish()
    until(lambda: world.statuses(host) == {"posted": 1})
    assert [text for _, text, *_ in network.accepted] == [part["text"] for part in parts]


@pytest.mark.parametrize("backend", ["postgres"])
def test_an_arming_is_durable_whatever_the_database_does_by_default(backend, host, network):
    """A server, a database or a login may have synchronous commits off; an arming has them on."""
    from passivepost.publishing.publisher import Publisher

    world.install(host, DoublePlatform(network.port))
    with Publisher(host).store._unit() as unit:
        shown = unit.run(Statement("SHOW synchronous_commit", returns=("text",)))
    assert shown == [("on",)]


@pytest.fixture(autouse=True)
def _no_leftovers(host):
    yield
    assert world.in_flight(host) == []
