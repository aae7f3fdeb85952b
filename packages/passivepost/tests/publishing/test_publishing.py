"""A scheduled post goes out, once; each kind of answer leads where it must."""

from __future__ import annotations

import world
from double import DoublePlatform


def test_due_posts_are_published_once(host, network, publish, until):
    world.install(host, DoublePlatform(network.port))
    owners = world.accounts(host, 7)
    ids = world.posts(host, owners, 60)
    later = world.posts(host, owners, 3, due=3600)
    publish()
    until(lambda: world.statuses(host)["posted"] == 60)
    assert len(network.accepted) == 60
    assert max(network.keys().values()) == 1
    state, post = world.state(host, ids[0])
    assert (state.stage, state.lease_until, post.platform_post_id is not None) == (
        "done",
        None,
        True,
    )
    assert [a.outcome for a in world.attempts(host, ids[0])] == ["confirmed"]
    assert world.state(host, later[0])[1].status == "scheduled"
