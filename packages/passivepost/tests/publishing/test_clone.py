"""F33: a copy of the database that runs elsewhere, with keys of its own, publishes nothing."""

import threading
import time

import pytest
import world

from musekit.api import Stop
from musekit.kernel.build import build_host
from musekit.kernel.crypto.keyring import KeyRing
from passivepost.publishing.service import PublisherService


@pytest.fixture
def clone(host, tmp_path):
    """The same rows under another data directory, and so under other keys."""
    folder = tmp_path / "clone"
    folder.mkdir()
    given = host.settings.model_copy(update={"data_dir": folder})
    KeyRing.generate(folder)
    built = build_host(given, plugins=["musekit", "passivepost"], strict=True)
    yield built
    built.close()


def test_a_clone_with_other_keys_calls_nobody(host, clone, network, until, publish):
    world.install(host, world.platform(network.port))
    world.install(clone, world.platform(network.port))
    ids = world.posts(host, world.accounts(host, 5), 20)
    opened = []
    decrypt = clone.keyring.decrypt
    clone.keyring.decrypt = lambda *a, **k: opened.append(decrypt(*a, **k)) or opened[-1]

    stop = Stop()
    thread = threading.Thread(target=PublisherService.run, args=(clone, stop))
    thread.start()
    try:
        until(lambda: all(each.hold == "misconfigured" for each in world.states(host)))
        time.sleep(1)
    finally:
        stop.request(8)
        thread.join(30)
    assert opened == []
    assert network.accepted == []
    assert sum(network.seen.values()) == 0
    assert world.statuses(host).keys() <= {"scheduled", "queued"}
    # The deployment itself, where the keys are, goes on as soon as it looks again.
    world.execute(host, "UPDATE publish_state SET hold = NULL, next_attempt_at = due_at")
    publish()
    until(lambda: world.statuses(host) == {"posted": len(ids)})
    assert max(network.keys().values()) == 1
