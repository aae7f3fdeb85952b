"""What requests ask the database is answered from indexes: tokens, sessions, posts, caps, keys."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, insert
from tests.support.explain import explaining

from musekit.api import Actor, SocialAccount, SocialPost, Space, User, new_id
from musekit.auth.models import ApiToken, UserSession
from musekit.auth.secrets import digest, new_token
from musekit.products.models import UsageCounter
from musekit.spaces.models import SpaceMember
from musekit.webhooks.models import WebhookEndpoint
from passivepost.notifications import ended
from passivepost.notifications.ended import _first_id
from passivepost.notifications.telling import tell_all
from passivepost.posts.models import PostDetails
from passivepost.publishing.models import PublishAttempt, PublishState

LARGE = {
    "users", "spaces", "space_members", "api_tokens", "user_sessions", "social_accounts",
    "social_posts", "post_details", "publish_state", "publish_attempts", "usage_counters",
}  # fmt: skip


def fill(host, count):
    """Store other people, each with a row of every kind; PostgreSQL then plans as in production."""
    now = datetime.now(UTC)
    later = now + timedelta(days=1)
    rows = {
        model: []
        for model in (User, Space, SpaceMember, ApiToken, UserSession, SocialAccount, SocialPost,
                      PostDetails, PublishState, PublishAttempt, UsageCounter)
    }  # fmt: skip
    for n in range(count):
        user, space, account, mail = new_id(), new_id(), new_id(), f"{uuid4().hex}@example.com"
        own = {"space_id": space, "user_id": user}
        rows[User].append({"id": user, "email": mail, "email_key": mail, "name": ""})
        rows[Space].append({"id": space, "name": "s", "personal_user_id": user})
        rows[SpaceMember].append({**own, "role": "owner"})
        rows[ApiToken].append({**own, "id": new_id(), "name": "t", "prefix": "p", "scopes": ["*"],
                               "secret_hash": digest(new_token())})  # fmt: skip
        rows[UserSession].append({**own, "id": new_id(), "secret_hash": digest(uuid4().hex),
                                  "csrf_token": "x", "expires_at": later})  # fmt: skip
        rows[SocialAccount].append({**own, "id": account, "platform": "sandbox",
                                    "platform_user_id": str(n)})  # fmt: skip
        rows[UsageCounter].append({"space_id": space, "product": "passive-post",
                                   "metric": "posts", "period": "2020-01", "used": 1,
                                   "reserved": 0})  # fmt: skip
        for _ in range(3):
            post = new_id()
            rows[SocialPost].append({**own, "id": post, "account_id": account,
                                     "platform": "sandbox", "content": "x"})  # fmt: skip
            rows[PostDetails].append({"post_id": post, "space_id": space, "parts": [],
                                      "content_hash": "", "updated_at": now})  # fmt: skip
            rows[PublishState].append({"post_id": post, "space_id": space, "account_id": account,
                                       "platform": "sandbox", "due_at": now, "stage": "done",
                                       "next_attempt_at": now, "revision": 1, "content_hash": "",
                                       "publish_key": uuid4(), "progress": {},
                                       "updated_at": now})  # fmt: skip
            rows[PublishAttempt].append({
                "id": _first_id(now - timedelta(days=9, seconds=n, milliseconds=len(
                    rows[PublishAttempt]))), "space_id": space, "post_id": post, "n": 1,
                "publish_key": uuid4(), "lease_token": 1, "content_hash": "", "opened_at": now,
                "outcome": "confirmed", "worker": "w", "code_version": "1",
            })  # fmt: skip
    with host.database.session(Actor.system("tests")) as session:
        for model, values in rows.items():
            session.execute(insert(model), values)
    if host.database.is_postgres:
        owner = create_engine(host.settings.database_owner_url, isolation_level="AUTOCOMMIT")
        with owner.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
        owner.dispose()


def whole(plan):
    """Return the large tables that a plan reads from end to end."""
    read = re.findall(r"Seq Scan on (\w+)|^SCAN (\w+)$", plan, re.MULTILINE)
    return LARGE & {table for pair in read for table in pair}


@pytest.fixture
def crowded(host, connected):
    fill(host, 1500 if host.database.is_postgres else 30)
    return connected


def test_requests_read_no_table_whole(host, crowded):
    at = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    body = {"platform": "sandbox", "content": "hello", "scheduled_at": at}
    bearer = {"Authorization": f"Bearer {crowded.token}", "Idempotency-Key": uuid4().hex}
    with explaining(host) as found:
        post = crowded.client.post("/api/social/posts", json=body).json()
        crowded.client.post("/api/social/posts", json=body, headers=bearer)  # by token
        path = f"/api/social/posts/{post['id']}"
        changed = {"content": "changed", "revision": post["revision"]}
        for status, answer in (
            (200, crowded.client.get("/api/social/posts")),
            (200, crowded.client.get("/api/social/posts?status=scheduled", headers=bearer)),
            (200, crowded.client.get(path)),
            (200, crowded.client.put(path, json=changed)),
            (200, crowded.client.get("/api/social/accounts")),
            (200, crowded.client.get("/api/social/tier")),
            (200, crowded.client.get("/api/auth/me")),
            (204, crowded.client.delete(path)),
        ):
            assert answer.status_code == status, answer.text
    bad = {statement: whole(plan) for statement, plan in found if whole(plan)}
    assert bad == {}
    assert len(found) > 30
    for table in ("api_tokens", "user_sessions", "usage_counters", "idempotency_records"):
        assert any(table in statement for statement, _ in found), table


def test_telling_reads_no_table_of_posts_whole(host, crowded):
    with host.database.session(Actor.system("tests")) as session:
        session.add(WebhookEndpoint(
            space_id=crowded.space_id, url="https://hooks.example/in", secrets_encrypted="",
            events=["*"],
        ))  # fmt: skip
    with explaining(host) as found:
        tell_all(host, ended.NEAR)
    bad = {statement: whole(plan) for statement, plan in found}
    # Accounts that are not valid have no index: they are few, and asked for twice a minute.
    assert {table for tables in bad.values() for table in tables} <= {"social_accounts"}, bad
    assert any("publish_attempts" in statement for statement in bad)


def test_a_missing_index_is_noticed(host, crowded):
    with explaining(host) as found, host.database.session(Actor.system("tests")) as session:
        session.query(SocialPost).filter(SocialPost.content == "hello").all()
    assert [whole(plan) for _, plan in found] == [{"social_posts"}]
