"""PostgreSQL's row level security by direct SQL, table by table from the catalogue (D4, D5, D7)."""

import secrets
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from psycopg import errors
from psycopg.types.json import Jsonb
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from musekit.kernel.database.checks import check_roles, check_sqlite
from musekit.kernel.database.session import Database
from musekit.testing import databases

IDENTITY = ("users", "spaces", "space_members", "user_sessions", "api_tokens")


@pytest.fixture(scope="module")
def server(postgres_admin_url, tmp_path_factory):
    """A database of all installed plugins with a row of two spaces in every tenant table."""
    name = f"musekit_test_{uuid4().hex[:16]}"
    try:
        settings = databases.provision(postgres_admin_url, name).settings(
            tmp_path_factory.mktemp("data")
        )
        yield Server(settings, make_url(postgres_admin_url).set(database=name))
    finally:
        databases.drop(postgres_admin_url, name)


class Server:
    """Engines of the superuser and of the application's login, and rows to look for."""

    def __init__(self, settings, admin_url) -> None:
        self.settings = settings
        self.admin = create_engine(admin_url)
        self.app = create_engine(settings.database_url)
        self.spaces, self.users = (uuid4(), uuid4()), (uuid4(), uuid4())
        with self.admin.begin() as connection:
            self.tables = list(connection.scalars(text(
                "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
                " WHERE c.relkind = 'r' AND a.attname = 'space_id' ORDER BY 1"
            )))  # fmt: skip
            self.columns = {table: _columns(connection, table) for table in self.tables}
            # Rows of any content will do: only who sees them is tested.
            for table, check in connection.execute(text(
                "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c'"
                " AND connamespace = 'public'::regnamespace"
            )).all():  # fmt: skip
                connection.execute(text(f'ALTER TABLE {table} DROP CONSTRAINT "{check}"'))
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for table in self.tables:
                for side in (0, 1):
                    self.insert(connection, table, side)

    def insert(self, connection, table, side) -> None:
        values = {}
        for name, kind in self.columns[table].items():
            own = {"space_id": self.spaces[side], "user_id": self.users[side], "status": "draft"}
            values[name] = own.get(name) or _value(kind)
        names = ", ".join(f'"{each}"' for each in values)
        places = ", ".join(f":{each}" for each in values)
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)

    def actor(self, connection, state) -> None:
        """Set the actor to one of the ways of not being side 0."""
        victim = str(self.spaces[0])
        value = {
            "empty": "", "other": str(self.spaces[1]), "word": "none", "quote": "' OR true --",
            "upper": victim.upper(), "braces": f"{{{victim}}}", "newline": f"{victim}\n",
            "short": victim[:-1], "two": f"{victim},{victim}", "star": "%",
        }.get(state)  # fmt: skip
        if value is None:
            return  # unset
        user = str(self.users[1]) if state == "other" else value.replace(victim, str(self.users[0]))
        connection.execute(
            text("SELECT set_config('musekit.space_id', :s, true),"
                 " set_config('musekit.user_id', :u, true)"),
            {"s": value, "u": user},
        )  # fmt: skip


STATES = ("unset", "empty", "other", "word", "quote", "upper", "braces", "newline", "short",
          "two", "star")  # fmt: skip


def _columns(connection, table) -> dict[str, str]:
    """Return the columns that must be filled, with their types."""
    query = text(
        "SELECT column_name, udt_name FROM information_schema.columns WHERE table_name = :t"
        " AND table_schema = 'public' AND is_generated = 'NEVER' AND is_nullable = 'NO'"
    )
    return {row[0]: row[1] for row in connection.execute(query, {"t": table})}


def _value(kind):
    made = {
        "uuid": uuid4, "text": lambda: secrets.token_hex(8), "bool": lambda: False,
        "timestamptz": lambda: datetime.now(UTC), "jsonb": lambda: Jsonb({}), "_text": list,
        "bytea": lambda: secrets.token_bytes(32), "float8": lambda: 1.0,
        "int4": lambda: secrets.randbelow(2**31), "int8": lambda: secrets.randbelow(2**62),
        "date": lambda: datetime.now(UTC).date(), "numeric": lambda: 1, "int2": lambda: 1,
    }  # fmt: skip
    return made[kind]()


def refused(error) -> bool:
    return isinstance(error.orig, errors.InsufficientPrivilege)


@pytest.mark.parametrize("state", STATES)
def test_no_row_of_another_space_by_direct_sql(server, state) -> None:
    cases = 0
    for table in server.tables:
        for sql in (
            f"SELECT count(*) FROM {table} WHERE space_id = :v",
            f"UPDATE {table} SET space_id = space_id WHERE space_id = :v",
            f"DELETE FROM {table} WHERE space_id = :v",
            f"UPDATE {table} SET space_id = space_id",
            f"DELETE FROM {table}",
        ):
            with server.app.connect() as connection:
                server.actor(connection, state)
                try:
                    result = connection.execute(text(sql), {"v": server.spaces[0]})
                except ProgrammingError as error:
                    assert refused(error), (table, sql)  # noqa: PT017 - it may, it need not
                else:
                    own = 1 if state == "other" and " WHERE " not in sql else 0
                    hit = result.scalar() if sql.startswith("SELECT") else result.rowcount
                    assert hit <= own, (table, sql)
                    assert own == 0 or hit == 1, (table, sql)
            cases += 1
        with server.app.connect() as connection:
            server.actor(connection, state)
            with pytest.raises(DBAPIError) as caught:
                server.insert(connection, table, 0)
            assert refused(caught.value), (table, "INSERT")
        cases += 1
    assert cases >= 6 * 8


def test_no_row_moves_to_another_space(server) -> None:
    for table in server.tables:
        with server.app.connect() as connection:
            server.actor(connection, "other")
            own = connection.scalar(text(f"SELECT count(*) FROM {table}"))
            assert own == 1, table
            with pytest.raises(DBAPIError) as caught:
                connection.execute(
                    text(f"UPDATE {table} SET space_id = :v"), {"v": server.spaces[0]}
                )
            assert refused(caught.value), table


@pytest.mark.parametrize("state", STATES)
def test_identity_tables(server, state) -> None:
    for table in IDENTITY:
        key = "id" if table in ("users", "spaces") else "space_id"
        victim = server.users[0] if table == "users" else server.spaces[0]
        with server.app.connect() as connection:
            server.actor(connection, state)
            sql = text(f"SELECT count(*) FROM {table} WHERE {key} = :v")
            assert connection.scalar(sql, {"v": victim}) == 0, table
        for sql in (f"DELETE FROM {table}", f"UPDATE {table} SET {key} = {key}"):
            with server.app.connect() as connection, pytest.raises(ProgrammingError) as caught:
                connection.execute(text(sql))
            assert refused(caught.value), table


def test_lint_of_the_catalogue(server) -> None:
    """Every table is behind forced row level security or closed to the application's writes."""
    with server.admin.connect() as connection:
        lint = lambda sql: connection.execute(text(sql)).all()  # noqa: E731
        assert lint(
            "SELECT relname FROM pg_class c WHERE relkind IN ('r', 'p') AND relnamespace ="
            " 'public'::regnamespace AND NOT (relrowsecurity AND relforcerowsecurity) AND EXISTS"
            " (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'space_id')"
        ) == []  # fmt: skip
        open_to_app = (
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace ="
            " 'public'::regnamespace AND NOT relrowsecurity AND (has_table_privilege("
            "'musekit_app', oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER'))"
        )
        assert lint(open_to_app) == []
        policies = (
            "SELECT tablename, policyname FROM pg_policies WHERE NOT 'musekit_system' = ANY(roles)"
            " AND (qual = 'true' OR with_check = 'true' OR qual IS NULL OR 'public' = ANY(roles)"
            " OR (with_check IS NULL AND cmd <> 'SELECT'))"
        )
        assert lint(policies) == []
        shared = "SELECT 1 FROM pg_policies WHERE roles @> '{musekit_app,musekit_system}'"
        assert lint(shared) == []
        assert lint("SELECT tablename FROM pg_policies WHERE permissive <> 'PERMISSIVE'") == []
        truncate = (
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace ="
            " 'public'::regnamespace AND has_table_privilege('musekit_app', oid, 'TRUNCATE')"
        )
        assert lint(truncate) == []
        definers = (
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
            " AND NOT coalesce(array_to_string(proconfig, ','), '') LIKE '%search_path%'"
        )
        assert lint(definers) == []
        views = (
            "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace ="
            " 'public'::regnamespace"
        )
        assert lint(views) == []
        roles = (
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'musekit%' AND"
            " (rolsuper OR rolbypassrls OR rolcreaterole)"
        )
        assert lint(roles) == []
        # The lint can fail: it does on a table without protection.
        connection.execute(
            text("CREATE TABLE bare (space_id uuid); GRANT INSERT ON bare TO musekit_app")
        )
        assert lint(open_to_app) == [("bare",)]


def test_start_up_refuses_wrong_logins(server) -> None:
    settings = server.settings
    database = Database(settings)
    assert check_roles(database) == []
    assert check_sqlite(database) == []
    database.close()
    superuser = server.admin.url.render_as_string(hide_password=False)
    wrong = {
        "stands above": {"database_url": superuser},
        "owns tables": {"database_url": settings.database_owner_url},
        "sees every space": {"database_url": settings.database_system_url},
        "is not in the group musekit_system": {"database_system_url": settings.database_url},
        "SYSTEM_URL stands above": {"database_system_url": superuser},
    }
    for message, change in wrong.items():
        database = Database(settings.model_copy(update=change))
        assert message in "\n".join(check_roles(database)), message
        database.close()


def test_start_up_refuses_open_tables(server) -> None:
    database = Database(server.settings)
    with server.admin.begin() as connection:
        connection.execute(text("ALTER TABLE profiles NO FORCE ROW LEVEL SECURITY"))
    try:
        assert "not forced on profiles" in "\n".join(check_roles(database))
    finally:
        with server.admin.begin() as connection:
            connection.execute(text("ALTER TABLE profiles FORCE ROW LEVEL SECURITY"))
        database.close()
