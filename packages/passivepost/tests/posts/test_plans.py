"""The list uses its index on both databases, and asks once however many rows it shows."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import create_engine, event, insert, text
from sqlalchemy.dialects import postgresql, sqlite

from musekit.api import Actor, SocialPost, new_id
from passivepost.posts.views import page_statement

SYSTEM = Actor.system("tests")


def fill(host, user, number, *, posted=False):
    now = datetime.now(UTC)
    past = {"status": "posted", "posted_at": now} if posted else {}
    with host.database.session(SYSTEM) as session:
        session.execute(
            insert(SocialPost),
            [
                {
                    "id": new_id(), "space_id": user.space_id, "user_id": user.user_id,
                    "platform": "sandbox", "content": f"Post {n}", "media_urls": [],
                    "status": "scheduled" if n % 50 == 0 else "draft", "ai_generated": False,
                    "scheduled_at": now + timedelta(hours=n), "created_at": now + timedelta(n),
                    "updated_at": now, **past, **({"platform_post_id": f"{n}"} if posted else {}),
                }
                for n in range(number)
            ],
        )  # fmt: skip
    owner = create_engine(host.settings.database_owner_url or host.database.url)
    with owner.begin() as connection:
        connection.execute(text("ANALYZE"))
    owner.dispose()


def plan(host, user, statement):
    """Explain as the application's login, under its row level security."""
    dialect = postgresql.dialect() if host.database.is_postgres else sqlite.dialect()
    words = str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    explain = "EXPLAIN " if host.database.is_postgres else "EXPLAIN QUERY PLAN "
    engine = create_engine(host.database.url)
    with engine.begin() as connection:
        if host.database.is_postgres:
            place = text("SELECT set_config('musekit.space_id', :space, true)")
            connection.execute(place, {"space": str(user.space_id)})
        found = [str(row) for row in connection.exec_driver_sql(explain + words)]
    engine.dispose()
    return "\n".join(found)


def test_pages_come_from_an_index(host, user, other):
    fill(host, user, 3000)
    fill(host, other, 3000)
    space = user.space_id
    newest = plan(host, user, page_statement(space))
    assert "ix_social_posts_space_id_created_at_id" in newest
    assert "SORT" not in newest.upper().replace("SORT KEY", "")
    further = plan(host, user, page_statement(space, before=(datetime.now(UTC), new_id())))
    assert "ix_social_posts_space_id_created_at_id" in further
    soon = datetime.now(UTC)
    days = plan(host, user, page_statement(space, since=soon, until=soon + timedelta(days=3)))
    assert "ix_passivepost_posts_calendar" in days
    for each in (newest, further, days):
        assert "SEQ SCAN ON SOCIAL_POSTS" not in each.upper()
        assert "SCAN SOCIAL_POSTS\n" not in each.upper()


def test_what_is_not_posted_is_found_however_long_the_past_is(host, user):
    fill(host, user, 3000, posted=True)
    fill(host, user, 30)
    for state in ("failed", "draft", "scheduled"):
        found = plan(host, user, page_statement(user.space_id, status=[state]))
        assert "ix_social_posts_unsent" in found, state
    posted = plan(host, user, page_statement(user.space_id, status=["posted"]))
    assert "ix_social_posts_space_id_created_at_id" in posted


def test_a_change_of_state_is_written_to_no_index(host, user):
    listed = (
        "SELECT indexdef FROM pg_indexes WHERE tablename = 'social_posts'"
        if host.database.is_postgres
        else "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'social_posts'"
    )
    with host.database.session(SYSTEM) as session:
        indexes = [str(each) for each in session.execute(text(listed)).scalars()]
    assert any("ix_social_posts_unsent" in each for each in indexes)
    assert [each for each in indexes if "status" in each or "updated_at" in each] == []


def test_paging_shows_every_post_once_and_asks_once_per_page(host, user):
    fill(host, user, 45)
    asked = []
    for engine in {host.database.application, host.database.system}:
        event.listen(engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
    seen, cursor = [], None
    while True:
        asked.clear()
        query = f"/api/social/posts?limit=20{f'&cursor={cursor}' if cursor else ''}"
        page = user.client.get(query).json()
        assert len([each for each in asked if "FROM social_posts" in each]) == 1
        assert len([each for each in asked if each.startswith("SELECT")]) <= 8
        seen += [each["content"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"Post {n}" for n in reversed(range(45))]


def test_filters(host, user):
    fill(host, user, 120)
    get = lambda query: user.client.get(f"/api/social/posts?{query}").json()["items"]  # noqa: E731
    assert len(get("status=scheduled&limit=200")) == 3
    assert len(get("status=scheduled&status=draft&limit=200")) == 120
    assert get("platform=twitter") == []
    edge = (datetime.now(UTC) + timedelta(hours=10, minutes=30)).isoformat().replace("+", "%2B")
    assert len(get(f"to={edge}&limit=200")) == 11
    assert len(get(f"from={edge}&limit=200")) == 109
