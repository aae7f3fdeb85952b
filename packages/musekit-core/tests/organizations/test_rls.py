"""PostgreSQL's row level security of the tables of organizations, by direct SQL of the login."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import errors
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from musekit.auth import service as auth
from musekit.kernel.actors import Actor
from musekit.kernel.database.session import Database
from musekit.organizations import service
from musekit.testing import databases

SYSTEM = Actor.system("tests")
#: Tables that people read their own rows of, with what names the row.
OWN = {
    "organizations": "id", "organization_members": "organization_id", "spaces": "organization_id",
}  # fmt: skip
#: Tables of the system alone.
CLOSED = ("organization_settings", "invitations")
STATES = ("unset", "empty", "other", "word", "quote", "braces", "newline", "short", "two", "star")


class Server:
    """Two people, each with an organization; an engine of the application's login."""

    def __init__(self, settings: Any) -> None:
        self.app: Engine = create_engine(settings.database_url)
        database = Database(settings)
        self.users: list[UUID] = []
        self.organizations: list[UUID] = []
        self.spaces: list[UUID] = []
        for name in ("ada", "bob"):
            with database.session(SYSTEM) as session:
                user, _ = auth.sign_up(session, f"{name}@example.com", "a pelican under umbrellas")
                made, space = service.create(session, user.id, name)
                self.users.append(user.id)
                self.organizations.append(made.id)
                self.spaces.append(space.id)
        with database.session(SYSTEM) as session:
            session.execute(text(
                "INSERT INTO invitations (id, organization_id, email, email_key, role, space_ids,"
                " token_hash, sends, created_at, expires_at) VALUES (gen_random_uuid(), :o, 'x',"
                " 'x', 'editor', '[]', '\\x00', 1, now(), now())"
            ), {"o": self.organizations[0]})  # fmt: skip
        database.close()

    def act(self, connection: Connection, state: str) -> None:
        """Set the actor to one of the ways of not being the first person."""
        victim = str(self.users[0])
        value = {
            "empty": "", "other": str(self.users[1]), "word": "none", "quote": "' OR true --",
            "braces": f"{{{victim}}}", "newline": f"{victim}\n", "short": victim[:-1],
            "two": f"{victim},{victim}", "star": "%",
        }.get(state)  # fmt: skip
        if value is not None:
            self.be(connection, value)

    def be(self, connection: Connection, user: str) -> None:
        connection.execute(text("SELECT set_config('musekit.user_id', :u, true)"), {"u": user})


@pytest.fixture(scope="module")
def server(postgres_admin_url: str, tmp_path_factory: Any) -> Iterator[Server]:
    name = f"musekit_test_{uuid4().hex[:16]}"
    try:
        folder = tmp_path_factory.mktemp("data")
        made = Server(databases.provision(postgres_admin_url, name).settings(folder))
        yield made
        made.app.dispose()
    finally:
        databases.drop(postgres_admin_url, name)


def denied(connection: Connection, sql: str, values: dict[str, Any]) -> bool:
    """Say whether a statement is refused for want of a right."""
    try:
        connection.execute(text(sql), values)
    except DBAPIError as error:
        return isinstance(error.orig, errors.InsufficientPrivilege)
    return False


@pytest.mark.parametrize("state", STATES)
def test_nobody_sees_the_organization_of_others(server: Server, state: str) -> None:
    victim = {"v": server.organizations[0]}
    for table, key in OWN.items():
        with server.app.connect() as connection:
            server.act(connection, state)
            every = text(f"SELECT count(*) FROM {table} WHERE {key} = :v")
            assert connection.scalar(every, victim) == 0, table
            all_of = text(f"SELECT {key} FROM {table} WHERE {key} IS NOT NULL")
            seen = set(connection.scalars(all_of))
            assert seen == ({server.organizations[1]} if state == "other" else set()), table


def test_one_sees_ones_own_and_of_members_oneself(server: Server) -> None:
    with server.app.connect() as connection:
        server.be(connection, str(server.users[0]))
        for table, key in OWN.items():
            rows = connection.scalars(text(f"SELECT {key} FROM {table} WHERE {key} IS NOT NULL"))
            assert list(rows) == [server.organizations[0]], table


@pytest.mark.parametrize("state", [*STATES, "oneself"])
def test_nobody_writes_by_the_login_of_the_application(server: Server, state: str) -> None:
    values = {"v": server.organizations[0], "u": server.users[1], "s": server.spaces[0]}
    statements = [
        *(f"DELETE FROM {table}" for table in (*OWN, *CLOSED, "space_members")),
        *(f"UPDATE {table} SET {key} = {key}" for table, key in OWN.items()),
        "UPDATE organization_members SET role = 'owner'", "UPDATE invitations SET role = 'admin'",
        "UPDATE organization_settings SET settings = '{}'",
        "UPDATE spaces SET organization_id = NULL", "UPDATE space_members SET role = 'owner'",
        "INSERT INTO organizations VALUES (gen_random_uuid(), 'x', 'x', NULL, now(), now(), NULL)",
        "INSERT INTO organization_members VALUES (:v, :u, 'owner', now())",
        "INSERT INTO space_members VALUES (:s, :u, 'owner', now())",
        "INSERT INTO organization_settings VALUES (gen_random_uuid(), 'x', :v, '{}', now(), NULL)",
        *(f"SELECT * FROM {table}" for table in CLOSED),
        *(f"TRUNCATE {table}" for table in (*OWN, *CLOSED)),
    ]  # fmt: skip
    for sql in statements:
        with server.app.connect() as connection:
            if state == "oneself":
                server.be(connection, str(server.users[0]))
            else:
                server.act(connection, state)
            assert denied(connection, sql, values), sql
