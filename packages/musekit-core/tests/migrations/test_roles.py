import time
from uuid import uuid4

import pytest
from migration_kit import CRM_DOWN, CRM_UP, connect, people
from sqlalchemy import make_url, text
from sqlalchemy.exc import ProgrammingError

from musekit.kernel.migrations import (
    MigrationError,
    MigrationsFailedError,
    PurgeRefusedError,
    bootstrap_roles,
    export,
    migrate,
    plan,
)
from musekit.kernel.migrations.connection import open_engine
from musekit.kernel.settings import CoreSettings
from musekit.testing import databases

pytestmark = pytest.mark.parametrize("backend", ["postgres"], indirect=True)


def admin(url, statement):
    with open_engine(url).execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        return connection.execute(text(statement))


@pytest.fixture
def fresh(postgres_admin_url, tmp_path, backend):
    """Three logins of their own and a database, none of which exists yet."""
    tag = f"mig_{uuid4().hex[:10]}"
    base = make_url(postgres_admin_url).set(database=tag)
    urls = [
        base.set(username=f"{tag}_{who}", password="pass'w%rd{x}").render_as_string(
            hide_password=False
        )
        for who in ("app", "system", "owner")
    ]
    yield CoreSettings(
        mode="test", data_dir=tmp_path, database_url=urls[0], database_system_url=urls[1],
        database_owner_url=urls[2],
    )  # fmt: skip
    databases.drop(postgres_admin_url, tag)
    for who in ("app", "system", "owner"):
        admin(postgres_admin_url, f'DROP ROLE IF EXISTS "{tag}_{who}"')


def test_roles_database_and_rights_are_made_and_making_them_twice_changes_nothing(
    fresh, postgres_admin_url
):
    done = bootstrap_roles(fresh, postgres_admin_url)
    assert any(line.startswith("database ") for line in done)
    assert "pass'w" not in " ".join(done)
    again = bootstrap_roles(fresh, postgres_admin_url)
    assert not any(line.startswith("database ") for line in again)
    assert migrate(fresh)
    names = [make_url(url).username for url in
             (fresh.database_url, fresh.database_system_url, fresh.database_owner_url)]  # fmt: skip
    roles = admin(
        postgres_admin_url,
        "SELECT rolname, rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb"
        f" FROM pg_roles WHERE rolname LIKE '{names[0][:-4]}%'",
    ).all()
    assert {tuple(role[1:]) for role in roles} == {(True, False, False, False, False)}
    assert len(roles) == 3
    # The application can neither make tables nor see another space.
    application = open_engine(fresh.database_url)
    denied = pytest.raises(ProgrammingError, match="permission denied for schema public")
    with denied, application.begin() as connection:
        connection.execute(text("CREATE TABLE mine (id int)"))
    with connect(fresh) as connection:
        people(connection)
    with connect(fresh, "owner") as connection:
        assert connection.scalar(text("SELECT count(*) FROM users")) == 1, "data migrations see all"
    with application.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM users")) == 0
        with pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text("DELETE FROM alembic_version_musekit"))


@pytest.mark.parametrize(
    "change",
    [
        {"database_system_url": ""},
        {"database_owner_url": "postgresql+psycopg://other@elsewhere/db"},
        {"database_url": "sqlite:///x.db"},
    ],
)
def test_three_logins_of_one_database_are_required(fresh, postgres_admin_url, change):
    with pytest.raises(MigrationError, match="MUSEKIT_DATABASE_OWNER_URL"):
        bootstrap_roles(fresh.model_copy(update=change), postgres_admin_url)


def test_a_superuser_is_not_accepted_as_a_login(fresh, postgres_admin_url):
    mighty = make_url(fresh.database_url).set(username=make_url(postgres_admin_url).username)
    settings = fresh.model_copy(update={"database_url": mighty.render_as_string()})
    with pytest.raises(MigrationError, match="superuser"):
        bootstrap_roles(settings, postgres_admin_url)


def test_without_rights_it_says_whose_url_is_needed(fresh, postgres_admin_url):
    bootstrap_roles(fresh, postgres_admin_url)
    other = f"{make_url(fresh.database_url).database}_x"
    settings = fresh.model_copy(
        update={
            key: make_url(getattr(fresh, key)).set(database=other).render_as_string(False)
            for key in ("database_url", "database_system_url", "database_owner_url")
        }
    )
    with pytest.raises(MigrationError, match="superuser"):
        bootstrap_roles(settings, fresh.database_owner_url)


@pytest.fixture
def blind(core, site):
    """A database whose owner is in no group of the system, as made by hand; with rows."""
    plugin = site.install("crm")
    plugin.revision(1, CRM_UP, CRM_DOWN)
    migrate(core, ["crm"])
    with connect(core) as connection:
        for user, space in people(connection, 2):
            connection.execute(
                text(
                    "INSERT INTO crm_leads (id, space_id, user_id, name) VALUES (:u, :s, :u, 'x')"
                ),
                {"u": user, "s": space},
            )
    owner = make_url(core.database_owner_url)
    name = f"mig_owner_{uuid4().hex[:8]}"
    at = owner.set(username=make_url(_ADMIN["url"]).username, password=None).render_as_string()
    admin(at, f"CREATE ROLE {name} LOGIN")
    admin(at, f"REASSIGN OWNED BY {databases.OWNER} TO {name}")
    admin(at, f"GRANT CREATE ON SCHEMA public TO {name}")
    yield core.model_copy(
        update={"database_owner_url": owner.set(username=name).render_as_string(False)}
    )
    admin(at, f"REASSIGN OWNED BY {name} TO {databases.OWNER}")
    admin(at, f"DROP OWNED BY {name}")
    admin(at, f"DROP ROLE {name}")


_ADMIN = {}


@pytest.fixture(autouse=True)
def _remember_admin(postgres_admin_url, backend):
    _ADMIN["url"] = postgres_admin_url


def test_an_owner_that_sees_no_rows_counts_and_exports_by_the_system(blind, site, tmp_path):
    with open_engine(blind.database_owner_url).begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM crm_leads")) == 0, "forced on owners"
    site.plugins["crm"].uninstall()
    found = plan(blind, "crm")
    assert found.tables["crm_leads"] == 2
    assert export(found, tmp_path / "out")["crm_leads.jsonl"] == 2


def test_an_owner_that_sees_no_rows_fails_aloud_in_a_data_migration(blind, site):
    site.plugins["crm"].revision(2, "op.execute(\"UPDATE crm_leads SET name = 'y'\")")
    with pytest.raises(MigrationsFailedError, match="row-level security policy"):
        migrate(blind, ["crm"])


def test_rows_that_no_login_sees_are_a_reason_to_refuse(core, site, tmp_path):
    plugin = site.install("crm")
    plugin.revision(
        1,
        """
        op.create_table("crm_a", sa.Column("id", sa.Integer, primary_key=True))
        op.execute("INSERT INTO crm_a VALUES (1)")
        op.execute("ALTER TABLE crm_a ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE crm_a FORCE ROW LEVEL SECURITY")
        """,
    )
    migrate(core, ["crm"])
    plugin.uninstall()
    found = plan(core, "crm")
    assert "crm_a" not in found.tables
    assert "table crm_a does not show all its rows to login musekit_test_owner" in found.refusals[0]
    with pytest.raises(PurgeRefusedError, match="cannot be seen"):
        export(found, tmp_path / "out")


def test_a_migrated_database_costs_little_more_than_an_empty_one(
    postgres_admin_url, tmp_path, backend
):
    name = f"musekit_test_{uuid4().hex[:16]}"
    databases.provision(postgres_admin_url, name)  # makes the template where there is none
    migrated, empty = [], []
    for _ in range(4):
        databases.drop(postgres_admin_url, name)
        start = time.perf_counter()
        databases.provision(postgres_admin_url, name)
        migrated.append(time.perf_counter() - start)
        databases.drop(postgres_admin_url, name)
        start = time.perf_counter()
        admin(postgres_admin_url, f'CREATE DATABASE "{name}"')
        empty.append(time.perf_counter() - start)
    databases.drop(postgres_admin_url, name)
    assert min(migrated) < 3 * min(empty) + 0.05
    databases.provision_sqlite(tmp_path / "a.db")
    start = time.perf_counter()
    databases.provision_sqlite(tmp_path / "b.db")
    assert time.perf_counter() - start < 0.1
