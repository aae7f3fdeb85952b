"""Workers that die between a send and its record; a receiver that is down; many events."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook
from tests.support.deployment import wait_for

from musekit.kernel.actors import Actor
from musekit.webhooks import emitting
from musekit.webhooks.emitting import Happened

SYSTEM = Actor.system("tests")
EVENTS, KILLS = 20, 3
MANY = 200


def test_killed_workers_lose_nothing(lab: Any) -> None:
    _, secret = lab.endpoint()
    lab.emit(EVENTS)
    settings = lab.host.settings
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("MUSEKIT")},
        "MUSEKIT_MODE": "test", "MUSEKIT_DATA_DIR": str(settings.data_dir),
        "MUSEKIT_DATABASE_URL": settings.database_url,
        "MUSEKIT_DATABASE_SYSTEM_URL": settings.database_system_url,
        "MUSEKIT_DATABASE_OWNER_URL": settings.database_owner_url,
        "MUSEKIT_OUTBOUND_ALLOW": f'["{lab.listener.address}"]',
    }  # fmt: skip
    script = str(Path(__file__).with_name("deliver_once.py"))
    lab.listener.pause = 0.05  # a kill finds a message that was taken, and not yet recorded
    for kill in range(1, KILLS + 1):
        worker = subprocess.Popen([sys.executable, script], env=environment)
        wait_for(lambda wanted=3 * kill: len(lab.listener.told) >= wanted, 30, pause=0.002)
        worker.kill()
        worker.wait(10)
        lab.make_due()  # the lease of the dead runs out
    lab.listener.pause = 0
    lab.deliver()
    assert lab.states() == ["delivered"] * EVENTS
    copies = lab.listener.copies()
    assert set(copies) == {f"msg_{row.message_id.hex}" for row in lab.rows()}
    assert sum(copies.values()) <= EVENTS + KILLS  # each worker had one message in its hands
    again = {each for each, count in copies.items() if count > 1}
    assert again, "no kill found a message on its way"
    for each in again:
        assert len({told.body for told in lab.listener.told if told.id == each}) == 1
    for told in lab.listener.told:
        Webhook(secret).verify(told.body, told.headers)


def test_many_events_and_a_receiver_that_is_down_for_a_while(lab: Any) -> None:
    """Two workers, refusals in between: each event at least once, ids stable, signatures valid.

    A thousand, with killed processes, are in tests/e2e/test_webhooks.py.
    """
    _, secret = lab.endpoint()
    for start in range(0, MANY, 100):
        with lab.host.database.session(SYSTEM) as session:
            emitting.emit_all(
                session, lab.host,
                [
                    Happened(
                        space_id=lab.user.space_id, event="thing.made", data={"thing_id": str(n)}
                    )
                    for n in range(start, start + 100)
                ],
            )  # fmt: skip
    lab.listener.usual = 503
    for _ in range(3):  # down: it is asked a few times, not once for each
        lab.deliver()
        lab.make_due()
    assert len(lab.listener.told) == 3
    lab.listener.usual = 200
    threads = [
        threading.Thread(target=lab.deliver, kwargs={"seconds": 120}, daemon=True)
        for _ in range(2)
    ]  # fmt: skip
    for each in threads:
        each.start()
    for each in threads:
        each.join(150)
    assert lab.states() == ["delivered"] * MANY
    told = lab.listener.told[3:]
    assert len(told) == MANY
    assert lab.listener.most_at_once == 1
    assert set(lab.listener.copies()) == {f"msg_{row.message_id.hex}" for row in lab.rows()}
    for each in told:
        Webhook(secret).verify(each.body, each.headers)
