"""What requests ask the database is answered from indexes: tokens, sessions, posts, caps, keys."""

import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, event, insert

from musekit.api import Actor, SocialAccount, SocialPost, Space, User, new_id
from musekit.auth.models import ApiToken, UserSession
from musekit.auth.secrets import digest, new_token
from musekit.spaces.models import SpaceMember
from passivepost.posts.models import PostDetails, UsageCount
from passivepost.publishing.models import PublishState

LARGE = {
    "users", "spaces", "space_members", "api_tokens", "user_sessions", "social_accounts",
    "social_posts", "post_details", "publish_state", "usage_counts",
}  # fmt: skip


def fill(host, count):
    """Store other people, each with a row of every kind; PostgreSQL then plans as in production."""
    now = datetime.now(UTC)
    later = now + timedelta(days=1)
    rows = {model: [] for model in (User, Space, SpaceMember, ApiToken, UserSession, SocialAccount,
                                    SocialPost, PostDetails, PublishState, UsageCount)}  # fmt: skip
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
        rows[UsageCount].append({"space_id": space, "metric": "posts", "period": "2020-01",
                                 "used": 1})  # fmt: skip
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
    with host.database.session(Actor.system("tests")) as session:
        for model, values in rows.items():
            session.execute(insert(model), values)
    if host.database.is_postgres:
        owner = create_engine(host.settings.database_owner_url, isolation_level="AUTOCOMMIT")
        with owner.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
        owner.dispose()


@contextmanager
def explaining(host):
    """Explain each statement just before it runs, on its own connection and under its actor."""
    found = []
    postgres = host.database.is_postgres
    word = "EXPLAIN " if postgres else "EXPLAIN QUERY PLAN "

    def explain(connection, cursor, statement, parameters, context, many):
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
            given = parameters[0] if isinstance(parameters, list) else parameters
            with (
                connection.connection.dbapi_connection.cursor()
                if postgres
                else _own(connection) as own
            ):
                own.execute(word + statement, given)
                found.append((statement, "\n".join(str(row[-1]) for row in own.fetchall())))

    engines = {host.database.application, host.database.system}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", explain)
    yield found
    for engine in engines:
        event.remove(engine, "before_cursor_execute", explain)


@contextmanager
def _own(connection):
    cursor = connection.connection.dbapi_connection.cursor()
    yield cursor
    cursor.close()


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
    for table in ("api_tokens", "user_sessions", "usage_counts", "idempotency_records"):
        assert any(table in statement for statement, _ in found), table


def test_a_missing_index_is_noticed(host, crowded):
    with explaining(host) as found, host.database.session(Actor.system("tests")) as session:
        session.query(SocialPost).filter(SocialPost.content == "hello").all()
    assert [whole(plan) for _, plan in found] == [{"social_posts"}]
