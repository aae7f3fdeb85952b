"""The schema of everything installed, as migrated: references end well, tenants are apart."""

from uuid import uuid4

import pytest
from sqlalchemy import NullPool, create_engine, inspect, make_url, text

from musekit.kernel.migrations.lineage import lineages
from musekit.testing import databases

#: Tables of the core.
CORE = "musekit"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def engine(request, tmp_path_factory):
    """An engine that sees everything, of a database with all plugins."""
    if request.param == "sqlite":
        file = tmp_path_factory.mktemp("schema") / "musekit.db"
        made = create_engine(databases.provision_sqlite(file).database_url, poolclass=NullPool)
        yield made
        made.dispose()
        return
    admin = request.getfixturevalue("postgres_admin_url")
    name = f"musekit_test_{uuid4().hex[:16]}"
    databases.provision(admin, name)
    made = create_engine(make_url(admin).set(database=name), poolclass=NullPool)
    yield made
    made.dispose()
    databases.drop(admin, name)


@pytest.fixture(scope="module")
def core_tables(tmp_path_factory):
    """Names of the tables that the core alone makes."""
    file = tmp_path_factory.mktemp("core") / "musekit.db"
    made = create_engine(databases.provision_sqlite(file, plugins=[CORE]).database_url)
    names = set(inspect(made).get_table_names())
    made.dispose()
    return names


def test_references_end_with_what_they_point_to(engine):
    ends = ends_of_references(engine)
    assert len(ends) >= 20
    bare = [each for each in ends if not each.endswith((": CASCADE", ": SET NULL"))]
    assert not bare, f"say ON DELETE CASCADE or SET NULL: {bare}"


def ends_of_references(engine):
    """Return “table.column: what happens” of every reference, as the database has it."""
    look = inspect(engine)
    if engine.dialect.name == "postgresql":
        return [
            f"{table}.{','.join(key['constrained_columns'])}: {key['options'].get('ondelete', '')}"
            for table in look.get_table_names()
            for key in look.get_foreign_keys(table)
        ]
    with engine.connect() as connection:  # SQLAlchemy misses what came with an added column
        return [
            f"{table}.{row['from']}: {row['on_delete']}"
            for table in look.get_table_names()
            for row in connection.execute(text(f"PRAGMA foreign_key_list({table})")).mappings()
        ]


#: References of a space's rows to a person which take the row along when the person goes, and why
#: nothing of an organization is lost by it.
GO_WITH_THEIR_PERSON = {
    "social_accounts.user_id": "handed to an owner before (musekit.organizations.leaving)",
    "social_posts.user_id": "handed to an owner before (musekit.organizations.leaving)",
    "profiles.user_id": "the person's own, in their own space",
    "space_members.user_id": "the membership itself",
    "user_sessions.user_id": "the person's browser",
    "user_sessions.impersonator_user_id": "the browser of an operator who acts as a person",
    "api_tokens.user_id": "the person's program",
    "alert_logs.user_id": "what was shown to the person",
    "oauth_flows.user_id": "begun by the person, minutes ago",
    "idempotency_records.user_id": "an answer that was for the person",
}


def test_what_people_made_in_a_space_outlives_them(engine):
    """Deleting a person deletes nothing that is an organization's."""
    look = inspect(engine)
    of_spaces = {
        table
        for table in look.get_table_names()
        if "space_id" in {column["name"] for column in look.get_columns(table)}
    }
    found = {
        f"{table}.{','.join(key['constrained_columns'])}"
        for table in of_spaces
        for key in look.get_foreign_keys(table)
        if key["referred_table"] == "users"
    }
    ends = ends_of_references(engine)
    taken = {each for each in found if f"{each}: CASCADE" in ends}
    assert taken <= GO_WITH_THEIR_PERSON.keys(), "use ON DELETE SET NULL, or say why not"
    assert {"social_accounts.user_id", "social_posts.user_id"} <= taken


def test_the_core_points_to_no_plugin(engine, core_tables):
    look = inspect(engine)
    wrong = [
        f"{table} → {key['referred_table']}"
        for table in core_tables
        for key in look.get_foreign_keys(table)
        if key["referred_table"] not in core_tables
    ]
    assert not wrong


def test_tables_of_a_space_know_it(engine):
    """Every table whose rows belong to a space has `space_id NOT NULL`, with an index to it."""
    look = inspect(engine)
    names = [name for name in look.get_table_names() if not name.startswith("alembic_version")]
    assert len(names) >= 15
    for table in names:
        columns = {column["name"]: column for column in look.get_columns(table)}
        if "space_id" in columns:
            assert not columns["space_id"]["nullable"], f"{table}.space_id may be NULL"
        refers = {key["referred_table"] for key in look.get_foreign_keys(table)}
        tenants = {"spaces", "social_posts", "social_accounts", "posts"}
        if refers & tenants and table != "spaces":
            assert "space_id" in columns, f"{table} points to a space's rows and names no space"


def test_every_table_of_a_space_is_protected(engine):
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no row level security; the guard of sessions is tested with it")
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,"
                " (SELECT count(*) FROM pg_policies p WHERE p.tablename = c.relname AND"
                "  'musekit_app' = ANY(p.roles)),"
                " (SELECT count(*) FROM pg_policies p WHERE p.tablename = c.relname AND"
                "  'musekit_system' = ANY(p.roles))"
                " FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace ="
                " 'public'::regnamespace AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid ="
                " c.oid AND a.attname = 'space_id' AND NOT a.attisdropped)"
            )
        ).all()
    assert len(rows) >= 10
    for table, forced, for_app, for_system in rows:
        assert forced, f"{table}: row level security is not forced"
        assert for_app >= 1 or table in CLOSED, f"{table} has no policy for the application"
        assert for_system >= 1, f"{table} has no policy for the system"


#: Tables of a space that the application's login cannot reach at all.
CLOSED = frozenset({"idempotency_records", "oauth_flows"})


def test_every_lineage_is_migrated(engine):
    with engine.connect() as connection:
        for lineage in lineages():
            table = f"alembic_version_{lineage.name}"
            if lineage.directory:
                assert connection.execute(text(f"SELECT version_num FROM {table}")).all(), table
