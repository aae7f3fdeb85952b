"""The background jobs beside publishing, run as the queue runs them, against the sandbox."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import func, select

from musekit.api import Actor, JobRun, SocialAccount, SocialPost, new_id
from passivepost.accounts.models import PlatformHealth
from passivepost.accounts.registry import platforms_of
from passivepost.alerts.models import AlertLog
from passivepost.metrics.models import PostMetric

SYSTEM = Actor.system("tests")


def run(host, name):
    host.registry.jobs[name].handler(JobRun(host=host, name=name))


def posted(host, user, network_id):
    """A post that is live, as an import reads it back from the network."""
    now = datetime.now(UTC)
    with host.database.session(SYSTEM) as session:
        account_id = session.scalars(select(SocialAccount.id)).one()
        post = SocialPost(
            id=new_id(), space_id=user.space_id, user_id=user.user_id, account_id=account_id,
            platform="sandbox", content="x", media_urls=[], status="posted", posted_at=now,
            platform_post_id=network_id, created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(post)
    return post.id


def publish(net, host):
    """Post on the network with the account's own token; return the id there."""
    from passivepost.accounts.vault import load_accounts

    with host.database.session(SYSTEM, readonly=True) as session:
        account_id = session.scalars(select(SocialAccount.id)).one()
        token = load_accounts(session, host, [account_id])[account_id].credentials.access_token
    headers = {"Authorization": f"Bearer {token}"}
    text = f"Post {new_id()}"
    return net.http.post("/api/posts", json={"text": text}, headers=headers).json()["id"]


def test_engagement_is_pulled_into_the_post_and_its_series(net, host, connected):
    post_ids = [posted(host, connected, publish(net, host)) for _ in range(3)]
    gone = posted(host, connected, "no-such-post")
    for _ in range(2):
        run(host, "social-engagement-pull")
    with host.database.session(SYSTEM, readonly=True) as session:
        for post_id in post_ids:
            data = session.get(SocialPost, post_id).engagement_data
            assert {"likes", "comments", "shares", "impressions", "updated_at"} <= set(data)
        assert session.get(SocialPost, gone).engagement_data is None
        series = session.execute(
            select(PostMetric.post_id, func.count()).group_by(PostMetric.post_id)
        ).all()
        assert {tuple(row) for row in series} == {(post_id, 2) for post_id in post_ids}
    assert len(net.ledger(kind="metrics")) == 2  # a batch is one call


def test_engagement_survives_a_token_that_ran_out(net, host, connected):
    post_id = posted(host, connected, publish(net, host))
    net.faults({"fault": "expired", "op": "metrics", "times": 1})
    run(host, "social-engagement-pull")
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.get(SocialPost, post_id).engagement_data is not None
    assert len(net.ledger(kind="refresh")) == 1


def test_a_network_that_fails_leaves_the_numbers_as_they_were(net, host, connected):
    post_id = posted(host, connected, publish(net, host))
    net.faults({"fault": "error", "op": "metrics"})
    run(host, "social-engagement-pull")
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.get(SocialPost, post_id).engagement_data is None


def test_health_is_stored_and_shown_without_asking_the_network(net, host, connected):
    states = lambda: {  # noqa: E731
        each["platform"]: each["status"]
        for each in connected.client.get("/api/social/health").json()["items"]
    }
    assert states()["sandbox"] == "unknown"
    run(host, "social-health-check")
    assert states()["sandbox"] == "ok"
    net.faults({"fault": "error", "op": "me"})
    run(host, "social-health-check")
    before = len(net.ledger())
    assert states()["sandbox"] == "down"
    assert len(net.ledger()) == before
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.get(PlatformHealth, "sandbox").checked_at


def write(user, *contents):
    for content in contents:
        order = {"platform": "sandbox", "content": content}
        assert user.client.post("/api/social/posts", json=order).status_code == 201


def test_nothing_is_searched_for_when_a_space_does_not_say_what(net, host, connected):
    publish(net, host)
    write(connected, "Bread at nine", "no.tag/#anchor &#39; #1 ##")
    run(host, "social-trend-monitor")
    assert net.ledger(kind="trends") == []


def test_what_a_space_writes_about_is_searched_for(net, host, connected, other):
    asked = []
    platform = platforms_of(host).get("sandbox")
    search = platform.search_trends

    def listen(http, account, query):
        asked.append(query)
        return search(http, account, query)

    platform.search_trends = listen
    write(connected, "#Bread and #butter", "More #bread", "#cake")
    write(other, "#politics #politics", "#politics")
    run(host, "social-trend-monitor")
    assert asked == ["bread"]


def test_trends_are_logged_once(net, host, connected):
    publish(net, host)
    write(connected, "All about #post")
    for _ in range(2):
        run(host, "social-trend-monitor")
    with host.database.session(SYSTEM, readonly=True) as session:
        texts = session.scalars(select(AlertLog.trend_text)).all()
        spaces = set(session.scalars(select(AlertLog.space_id)))
    assert texts
    assert len(texts) == len(set(texts))
    assert spaces == {connected.space_id}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_debug_is_for_the_operator_with_the_switch_on(host, user, monkeypatch):
    from musekit.api import User
    from passivepost.settings import PassivePostSettings

    url = "/api/social/debug"
    host.settings_of(PassivePostSettings).debug = True
    assert user.client.get(url).status_code == 404
    with host.database.session(SYSTEM) as session:
        session.get(User, user.user_id).is_operator = True
    shown = user.client.get(url)
    assert shown.status_code == 200
    assert {"posts", "queue", "platforms"} <= set(shown.json())
    host.settings_of(PassivePostSettings).debug = False
    assert user.client.get(url).status_code == 404
    host.settings_of(PassivePostSettings).debug = True
    host.settings.mode = "production"
    assert user.client.get(url).status_code == 404


def test_a_stub_says_that_it_is_not_available_yet(user):
    for call in (
        user.client.post("/api/social/connect", json={"platform": "instagram"}),
        user.client.post("/api/social/posts", json={"platform": "instagram", "content": "x"}),
    ):
        assert call.status_code == 422
        assert "not available yet" in call.json()["detail"]
    items = user.client.get("/api/social/health").json()["items"]
    assert {e["status"] for e in items if e["platform"] == "instagram"} == {"not_available"}
    assert UUID(str(user.space_id))
