"""C13–C15: refresh tokens that are good once, under many workers, kills and a network in trouble.

The network ends a whole grant when a refresh token is used twice; its ledger is the judge. The
quick variants run with all tests, the full ones by ``make chaos``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import world
from sqlalchemy import update

from musekit.api import SocialAccount, Stop
from passivepost.accounts import refresh as refreshing
from passivepost.accounts import vault
from passivepost.accounts.models import AccountState
from passivepost.publishing.crash import BEFORE_SAVE
from passivepost.publishing.service import PublisherService
from passivepost.sdk.content import Credentials
from passivepost_platform_sandbox.network.background import running

HERE = Path(__file__).parent
PLUGINS = ["musekit", "passivepost", "passivepost_platform_sandbox"]
CHAOS = [pytest.mark.chaos, pytest.mark.timeout(3600)]


class Net:
    """The sandbox network: its faults and its ledger."""

    def __init__(self, url):
        self.url, self.http = url, httpx.Client(base_url=url, timeout=20)

    def faults(self, *rules):
        assert self.http.put("/faults", json=list(rules)).status_code == 200

    def count(self, kind):
        """Return how often each account did something."""
        items = self.http.get("/ledger", params={"kind": kind}).json()["items"]
        return Counter(item["account"] for item in items)


@pytest.fixture
def net(tmp_path, monkeypatch):
    with running(tmp_path / "network") as server:
        monkeypatch.setenv("PASSIVEPOST_PLATFORM_SANDBOX_BASE_URL", server.url)
        made = Net(server.url)
        yield made
        made.http.close()


@pytest.fixture
def host(net, settings):
    from musekit.kernel.build import build_host

    built = build_host(settings, plugins=PLUGINS, strict=True)
    world.install(built)
    yield built
    built.close()


def connect(host, net, count, *, expires=timedelta(hours=1)):
    """Connect accounts with tokens of the network; return {account id: username}, and owners."""
    names = [f"user{n}" for n in range(count)]
    made = net.http.post("/accounts", json={"usernames": names}).json()["items"]
    owners = world.accounts(host, count, platform="sandbox")
    with host.database.session(world.SYSTEM) as session:
        for (_, _, account), tokens in zip(owners, made, strict=True):
            row = session.get(SocialAccount, account)
            vault.store_credentials(
                session,
                host,
                row,
                Credentials(
                    access_token=tokens["access_token"],
                    refresh_token=tokens["refresh_token"],
                    expires_at=datetime.now(UTC) + expires,
                ),
            )
    return {str(owner[2]): name for owner, name in zip(owners, names, strict=True)}, owners


def stored(host, accounts):
    with host.database.session(world.SYSTEM, readonly=True) as session:
        found = vault.load_accounts(session, host, [UUID(each) for each in accounts])
    return {str(key): account.credentials.access_token for key, account in found.items()}


def valid(host):
    with host.database.session(world.SYSTEM, readonly=True) as session:
        return Counter(row.is_valid for row in session.query(SocialAccount))


class Refresher:
    """A process of threads; see refresher.py."""

    def __init__(self, host, net, threads, crash=""):
        core = host.settings
        given = {
            "threads": threads,
            "core": {
                "mode": "test",
                "data_dir": str(core.data_dir),
                "database_url": core.database_url,
                "database_system_url": core.database_system_url,
                "database_owner_url": core.database_owner_url,
            },
        }
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "refresher.py"), json.dumps(given)],
            env={
                **os.environ,
                "MUSEKIT_CRASH_AT": crash,
                "PASSIVEPOST_PLATFORM_SANDBOX_BASE_URL": net.url,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"

    def begin(self, stale):
        self.process.stdin.write(json.dumps(stale) + "\n")
        self.process.stdin.flush()

    def got(self):
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(30)


@pytest.mark.parametrize(
    ("processes", "threads", "rounds", "accounts"),
    [pytest.param(2, 5, 2, 4, id="quick"), pytest.param(5, 10, 200, 20, id="full", marks=CHAOS)],
)
def test_one_call_a_round_however_many_ask(host, net, processes, threads, rounds, accounts):
    rounds = int(os.environ.get("MUSEKIT_CHAOS_ROUNDS", rounds)) if rounds > 10 else rounds
    connected, _ = connect(host, net, accounts)
    workers = [Refresher(host, net, threads) for _ in range(processes)]
    stale = stored(host, connected)
    for done in range(1, rounds + 1):
        for worker in workers:
            worker.begin(stale)
        answers = [worker.got() for worker in workers]
        now = stored(host, connected)
        for account in connected:
            got = {token for answer in answers for token in answer[account]}
            assert got == {now[account]} != {stale[account]}, f"round {done}"
        stale = now
    assert [worker.end() for worker in workers] == [0] * processes
    assert net.count("refresh") == dict.fromkeys(connected.values(), rounds)
    assert net.count("grant_revoked") == {}
    assert valid(host) == {True: accounts}


def test_tokens_are_read_with_their_own_version(host, net, monkeypatch):
    """Somebody else refreshes just as the account's state is made: no spent token is used."""
    if not host.database.is_postgres:
        pytest.skip("SQLite has one lock for all")
    connected, _ = connect(host, net, 1)
    ((account, stale),) = stored(host, connected).items()
    begin = refreshing._begin

    def beaten(session, account_id, space_id):
        monkeypatch.undo()
        refreshing.refresh(host, account_id, stale=stale)
        begin(session, account_id, space_id)

    monkeypatch.setattr(refreshing, "_begin", beaten)
    got = refreshing.refresh(host, UUID(account), stale=stale)
    assert got.credentials.access_token == stored(host, connected)[account] != stale
    assert list(net.count("refresh").values()) == [1]
    assert net.count("grant_revoked") == {}


@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=CHAOS)])
def test_killed_between_rotation_and_saving(host, net, kills, until):
    """The spent token is all that is left: one word to the person, and every post waits."""
    connected, owners = connect(host, net, kills, expires=timedelta(minutes=-1))
    ids = world.posts(host, owners, 3 * kills, platform="sandbox")
    for account, token in stored(host, connected).items():
        worker = Refresher(host, net, 1, crash=BEFORE_SAVE)
        worker.begin({account: token})
        assert worker.process.wait(30) == -signal.SIGKILL
        worker.process.stdout.close()
    assert net.count("refresh") == dict.fromkeys(connected.values(), 1)
    with host.database.session(world.SYSTEM) as session:  # as if the leases had run out
        gone = datetime.now(UTC) - timedelta(seconds=1)
        session.execute(update(AccountState).values(refresh_until=gone))
    with publisher(host):
        until(lambda: Counter(each.hold for each in world.states(host)) == {"reconnect": len(ids)})
        time.sleep(1)  # and it stays so
    assert world.statuses(host).keys() <= {"scheduled", "queued"}
    assert valid(host) == {False: kills}
    assert net.count("grant_revoked") == dict.fromkeys(connected.values(), 1)
    # One refusal told each account's person; nobody asked the network again.
    assert net.count("refresh") == dict.fromkeys(connected.values(), 2)
    assert net.count("post") == {}


@pytest.mark.parametrize("fault", ["error", "reset", "hang"])
@pytest.mark.parametrize("seconds", [3, pytest.param(600, marks=CHAOS)])
def test_a_network_in_trouble_disconnects_nobody(host, net, fault, seconds, until):
    connected, owners = connect(host, net, 10, expires=timedelta(minutes=-1))
    before = stored(host, connected)
    ids = world.posts(host, owners, 20, platform="sandbox")
    net.faults({"fault": fault, "op": "token", "seconds": 2})
    with publisher(host):
        time.sleep(seconds)
        assert world.statuses(host).keys() <= {"scheduled", "queued"}
        assert stored(host, connected) == before
        assert valid(host) == {True: 10}
        net.faults()
        until(lambda: world.statuses(host) == {"posted": len(ids)}, 90)
    assert net.count("grant_revoked") == {}
    assert valid(host) == {True: 10}


class publisher:  # noqa: N801 - used like a function
    """The publisher in a thread, for the length of a block."""

    def __init__(self, host):
        self.stop, self.faults = Stop(), []

        def run():
            try:
                PublisherService.run(host, self.stop)
            except BaseException as error:
                self.faults.append(error)

        self.thread = threading.Thread(target=run)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *error):
        self.stop.request(8)
        self.thread.join(60)
        assert not self.thread.is_alive()
        assert not self.faults, self.faults
