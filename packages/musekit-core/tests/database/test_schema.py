"""Migration 0001: it makes what the models say, goes down and up again, guards posts' states."""

import importlib
from collections import deque
from pathlib import Path
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, insert, inspect, text, update
from sqlalchemy.exc import IntegrityError

from musekit.kernel.actors import Actor
from musekit.kernel.database.models import Base
from musekit.kernel.database.types import utc_now
from musekit.kernel.ids import new_id
from musekit.kernel.migrations.runner import downgrade, migrate
from musekit.migrations import musekit_0001_posts as posts
from musekit.social.models import POST_MOVES, POST_STATUSES, SocialPost
from musekit.testing import databases

SYSTEM = Actor.system("test")
MIGRATION = importlib.import_module("musekit.migrations.versions.musekit_0001_core")
#: Tables that no model of ours describes: Alembic's and Huey's own.
FOREIGN = ("alembic", "huey")


@pytest.fixture
def empty(backend, tmp_path, request):
    """Settings of a database that holds nothing yet, owned by the owner's login."""
    if backend == "sqlite":
        path = tmp_path / "musekit.db"
        yield databases.DatabaseUrls(*[f"sqlite:///{path}"] * 3).settings(tmp_path)
        return
    admin = request.getfixturevalue("postgres_admin_url")
    name = f"musekit_test_{uuid4().hex[:16]}"
    try:
        yield databases.provision(admin, name, migrated=False).settings(tmp_path)
    finally:
        databases.drop(admin, name)


def snapshot(settings) -> dict:
    """Describe everything in the database, as the catalogue has it."""
    engine = create_engine(settings.database_owner_url)
    if settings.is_postgres:
        queries = (
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
            " WHERE table_schema = 'public' ORDER BY 1, 2",
            "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
            "SELECT tablename, policyname, roles::text, cmd, qual, with_check FROM pg_policies"
            " ORDER BY 1, 2",
            "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
            " ORDER BY 1, 2",
            "SELECT proname, prosrc FROM pg_proc WHERE proname LIKE 'musekit%' ORDER BY 1, 2",
            "SELECT relname, relrowsecurity, relforcerowsecurity, relacl::text FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1",
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
        )
    else:
        queries = ("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2",)
    with engine.connect() as connection:
        found = {query: connection.execute(text(query)).all() for query in queries}
    engine.dispose()
    return found


def test_up_down_up_leaves_the_same(empty) -> None:
    migrate(empty, plugins=["musekit"])
    first = snapshot(empty)
    downgrade(empty, "musekit")
    engine = create_engine(empty.database_owner_url)
    left = set(inspect(engine).get_table_names())
    engine.dispose()
    assert left <= {"alembic_version_musekit", "alembic_version"}
    assert "musekit_current_space" not in str(snapshot(empty))
    migrate(empty, plugins=["musekit"])
    assert snapshot(empty) == first


def test_the_models_say_what_the_migration_makes(empty) -> None:
    migrate(empty, plugins=["musekit"])
    engine = create_engine(empty.database_owner_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, parents: not (name or "").startswith(FOREIGN),
            },
        )
        differences = compare_metadata(context, Base.metadata)
        if not empty.is_postgres:
            # Of a key that came with its column SQLAlchemy reads no ON DELETE; SQLite tells it.
            differences = [each for each in differences if not each[0].endswith("_fk")]
            assert keys_of_sqlite(connection) == keys_of_models()
        assert differences == []
    engine.dispose()


def keys_of_sqlite(connection) -> set:
    names = [name for name in inspect(connection).get_table_names() if name.find("alembic") < 0]
    return {
        (name, row.__getattr__("from"), row.table, row.on_delete)
        for name in names
        for row in connection.execute(text(f"PRAGMA foreign_key_list({name})"))
    }


def keys_of_models() -> set:
    return {
        (table.name, key.parent.name, key.column.table.name, key.ondelete)
        for table in Base.metadata.tables.values()
        for key in table.foreign_keys
    }


def test_the_migration_repeats_the_models_tables_of_states() -> None:
    moves = {f"{old}>{new}" for old, news in POST_MOVES.items() for new in news}
    assert set(posts.MOVES) == moves
    assert len(moves) == len(posts.MOVES) == 22
    assert posts.STATUSES == POST_STATUSES


def test_migrations_import_no_models() -> None:
    source = Path(MIGRATION.__file__).read_text()
    assert "models" not in source.split("def upgrade")[0]


def way_to(status: str) -> list[str]:
    """Return the moves that bring a fresh draft into a state."""
    ways = {"draft": []}
    queue = deque(["draft"])
    while queue:
        here = queue.popleft()
        for there in POST_MOVES[here]:
            if there not in ways:
                ways[there] = [*ways[here], there]
                queue.append(there)
    return ways[status]


def test_all_56_moves_of_a_post(database, ada) -> None:
    allowed = refused = 0
    with database.session(SYSTEM) as session:
        for old in POST_STATUSES:
            for new in POST_STATUSES:
                post = new_id()
                values = {"id": post, "space_id": ada.space, "user_id": ada.user}
                session.execute(insert(SocialPost), [{**values, "platform": "x", "content": "x"}])
                for step in way_to(old):
                    move(session, post, step)
                if new == old or new in POST_MOVES[old]:
                    move(session, post, new)
                    allowed += new != old
                    continue
                with pytest.raises(IntegrityError, match="social_posts"), session.begin_nested():
                    move(session, post, new)
                refused += 1
    assert (allowed, refused) == (22, 34)


def move(session, post, status) -> None:
    hit = session.execute(update(SocialPost).where(SocialPost.id == post).values(status=status))
    assert hit.rowcount == 1


@pytest.mark.parametrize("status", POST_STATUSES)
def test_where_a_post_may_begin(database, ada, status) -> None:
    own = {"space_id": ada.space, "user_id": ada.user, "platform": "x", "content": "x"}
    with database.session(SYSTEM) as session:
        if status in posts.BEGINNINGS:
            session.add(SocialPost(**own, status=status))
            session.flush()
            return
        with pytest.raises(IntegrityError), session.begin_nested():
            session.add(SocialPost(**own, status=status))
        if status == "posted":  # what an import reads back from a network carries its proof
            session.add(SocialPost(**own, status=status, platform_post_id="1", posted_at=utc_now()))
            session.flush()


def test_unknown_states_are_refused(database, ada) -> None:
    with pytest.raises(IntegrityError), database.session(SYSTEM) as session:
        session.execute(update(SocialPost).values(status="sent"))


def test_the_account_is_of_the_posts_space(database, ada, bob) -> None:
    theirs = {"space_id": ada.space, "user_id": ada.user, "account_id": bob.account}
    for actor in (SYSTEM, ada.actor):
        with pytest.raises(IntegrityError), database.session(actor) as session:
            session.add(SocialPost(**theirs, platform="x", content="x"))
        with pytest.raises(IntegrityError), database.session(actor) as session:
            session.get(SocialPost, ada.post).account_id = bob.account


def test_one_live_post_is_one_row(database, ada) -> None:
    own = {"space_id": ada.space, "user_id": ada.user, "account_id": ada.account}
    with database.session(SYSTEM) as session:
        for _ in range(2):  # not yet live: any number
            session.add(SocialPost(**own, platform="x", content="x"))
        session.get(SocialPost, ada.post).platform_post_id = "live"
    with pytest.raises(IntegrityError), database.session(SYSTEM) as session:
        session.add(SocialPost(**own, platform="x", content="x", platform_post_id="live"))
