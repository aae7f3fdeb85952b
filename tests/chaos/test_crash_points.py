"""C2: a worker dies at each named point; the next one leaves nothing twice and nothing lost."""

from __future__ import annotations

import signal

import pytest
import world

from passivepost.publishing.crash import POINTS

FULL = [pytest.mark.chaos, pytest.mark.timeout(240)]
#: Run with all tests: the network has taken the post, and nobody here knows it.
ALWAYS = "send.after"

#: Short leases, so that the sweep of the next worker comes soon.
QUICK = {"lease_margin_seconds": 1.5, "arm_safety": 0.2, "arm_fresh": 0.2, "sweep_seconds": 0.3}
DECLARED = {"longest_call": 1.0}


def _world(host, network, point):
    world.install(host, world.platform(network.port, **DECLARED), **QUICK)
    token = "stale{n}" if point == "refresh.after" else "t{n}"
    owners = world.accounts(host, 12, token=token)
    parts = None
    if point.startswith("checkpoint"):
        parts = [{"text": f"part {part} of {{n}}", "media": []} for part in range(3)]
    ids = world.posts(host, owners, 24 if parts is None else 12, parts=parts)
    if point.startswith("sweep"):  # leases of a worker that is gone
        world.execute(
            host,
            "UPDATE publish_state SET stage = 'queued', lease_token = 1,"
            " lease_owner = 'gone', lease_until = due_at WHERE post_id IN"
            " (SELECT min(CAST(post_id AS TEXT)) FROM publish_state)"
            if not host.database.is_postgres
            else "UPDATE publish_state SET stage = 'queued', lease_token = 1,"
            " lease_owner = 'gone', lease_until = due_at WHERE post_id ="
            " (SELECT post_id FROM publish_state ORDER BY post_id LIMIT 1)",
        )
        world.execute(
            host,
            "UPDATE social_posts SET status = 'queued' WHERE id IN"
            " (SELECT post_id FROM publish_state WHERE lease_until IS NOT NULL)",
        )
    return ids


@pytest.mark.parametrize(
    "point", [pytest.param(each, marks=() if each == ALWAYS else FULL) for each in POINTS]
)
def test_killed_at(point, host, network, workers, until):
    ids = _world(host, network, point)
    crash = f"{point}:2" if point in {"arm.after_commit", "record.after_commit"} else point
    if point == "reconcile.before_commit":
        world.execute(host, "UPDATE social_posts SET content = 'fault=500-after ' || content")
        world.execute(host, "UPDATE post_details SET parts = '[]'")
    doomed = workers.start(crash=crash, declared=DECLARED, **QUICK)
    doomed.wait(40)
    assert doomed.returncode == -signal.SIGKILL
    workers.running.remove(doomed)
    workers.start(declared=DECLARED, **QUICK)
    # A refresh or a look that a killed worker had begun is waited for: its lease is a minute.
    limit = 150 if point.startswith(("refresh", "reconcile")) else 60
    until(lambda: world.statuses(host) == {"posted": len(ids)}, limit)
    assert max(network.keys().values()) == 1, world.story(host, network)
    parts = 3 if point.startswith("checkpoint") else 1
    assert len(network.accepted) == parts * len(ids)
