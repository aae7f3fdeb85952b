"""A post that is due at once does not wait until a worker looks by itself."""

from datetime import UTC, datetime, timedelta

import pytest

from passivepost.publishing.bell import bell_of


@pytest.fixture
def knocks(host):
    heard = []
    with bell_of(host).listen(lambda: heard.append(host.broker.depth())):
        yield heard


@pytest.fixture
def wished(connected):
    def wish(seconds, method="post", path="/api/social/posts", **more):
        at = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        body = {"content": f"{method} {seconds}", "scheduled_at": at, **more}
        answer = getattr(connected.client, method)(path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    return wish


def test_what_is_due_now_wakes_this_process_and_rings_for_the_others(host, knocks, wished):
    before = host.broker.depth()
    wished(3600, platform="sandbox")
    assert (len(knocks), host.broker.depth()) == (0, before)
    post = wished(7200, platform="sandbox")
    wished(0, "put", f"/api/social/posts/{post['id']}")
    assert (len(knocks), host.broker.depth()) == (1, before + 1)
    wished(1, platform="sandbox")
    assert (len(knocks), host.broker.depth()) == (2, before + 2)
