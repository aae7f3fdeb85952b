"""Databases for tests: fresh, migrated, and made in well under 100 ms each.

The first of its kind is migrated and kept as a template; the others are copies of it
(``CREATE DATABASE … TEMPLATE`` on PostgreSQL, a copied file on SQLite). A template is known by the
contents of the migrations, so an edited migration makes a new one.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import NullPool, create_engine, make_url, text

from musekit import migrations as helpers
from musekit.kernel.migrations import ownership as recorded
from musekit.kernel.migrations.lineage import lineages
from musekit.kernel.migrations.roles import bootstrap_roles
from musekit.kernel.migrations.runner import migrate
from musekit.kernel.settings import CoreSettings

#: Logins of every test database of a server; their passwords are no secret.
APP, SYSTEM, OWNER = "musekit_test_app", "musekit_test_system", "musekit_test_owner"
_templates: set[tuple[str, str]] = set()  # known to be there, by this process
_PASSWORD = "musekit-test"  # noqa: S105 - of throw-away databases on loopback


@dataclass(frozen=True)
class DatabaseUrls:
    """The URLs of one database: application, system, owner. Equal on SQLite."""

    database_url: str
    system_url: str
    owner_url: str

    def settings(self, data_dir: Path, **more: Any) -> CoreSettings:
        """Return core settings for this database, in test mode."""
        return CoreSettings(
            mode="test", data_dir=data_dir, database_url=self.database_url,
            database_system_url=self.system_url, database_owner_url=self.owner_url, **more,
        )  # fmt: skip


def provision(
    admin_url: str, name: str, *, plugins: Sequence[str] | None = None, migrated: bool = True
) -> DatabaseUrls:
    """Create a PostgreSQL database with its three logins.

    Args:
        admin_url: a superuser's, on any database of the server.
        name: of the database; dropped first if it exists.
        plugins: whose lineages are migrated (and what they require); None: all installed.
        migrated: False leaves it empty.
    """
    template = _postgres_template(admin_url, plugins) if migrated else ""
    with _admin(admin_url) as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        if migrated:
            connection.execute(
                text(f'CREATE DATABASE "{name}" OWNER {OWNER} TEMPLATE "{template}"')
            )
    urls = _urls(admin_url, name)
    if not migrated:
        bootstrap_roles(urls.settings(Path(tempfile.gettempdir())), admin_url)
    return urls


def drop(admin_url: str, name: str) -> None:
    """Drop a database, closing connections that were left open."""
    with _admin(admin_url) as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def provision_sqlite(path: Path, *, plugins: Sequence[str] | None = None) -> DatabaseUrls:
    """Make a migrated SQLite database at `path`, whose folder exists."""
    template = _cache() / f"{_key(plugins)}.db"
    if not template.exists():
        with _guard(template.stem):
            if not template.exists():
                _build_sqlite(template, plugins)
    shutil.copyfile(template, path)
    url = f"sqlite:///{path}"
    return DatabaseUrls(url, url, url)


def _build_sqlite(template: Path, plugins: Sequence[str] | None) -> None:
    with tempfile.TemporaryDirectory(dir=_cache()) as folder:
        file = Path(folder) / "new.db"
        url = f"sqlite:///{file}"
        # Closing the last connection folds the write-ahead log into the file: one file to copy.
        migrate(DatabaseUrls(url, url, url).settings(Path(folder)), plugins)
        os.replace(file, template)


def _postgres_template(admin_url: str, plugins: Sequence[str] | None) -> str:
    name = f"musekit_template_{_key(plugins)}"
    if (admin_url, name) not in _templates:
        with _guard(f"pg-{make_url(admin_url).port}"):
            _build_postgres(admin_url, name, plugins)
        _templates.add((admin_url, name))
    return name


def _build_postgres(admin_url: str, name: str, plugins: Sequence[str] | None) -> None:
    with _admin(admin_url) as connection:
        if connection.scalar(
            text("SELECT datistemplate FROM pg_database WHERE datname = :name"), {"name": name}
        ):
            return
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    settings = _urls(admin_url, name).settings(_cache())
    bootstrap_roles(settings, admin_url)
    migrate(settings, plugins)
    with _admin(admin_url) as connection:
        connection.execute(
            text(f'ALTER DATABASE "{name}" IS_TEMPLATE true ALLOW_CONNECTIONS false')
        )


def _key(plugins: Sequence[str] | None) -> str:
    """Return a digest of the migrations concerned, file by file; read once per process and path."""
    return _digest(None if plugins is None else tuple(plugins), tuple(sys.path))


@functools.cache
def _digest(plugins: tuple[str, ...] | None, path: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for lineage in lineages(plugins):
        digest.update(f"{lineage.name}={lineage.dist}={lineage.version}\0".encode())
        for file in sorted(lineage.directory.rglob("*.*")) if lineage.directory else ():
            if file.suffix in {".py", ".toml"}:
                digest.update(file.read_bytes())
    for module in (helpers, recorded):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:16]


def _urls(admin_url: str, name: str) -> DatabaseUrls:
    base = make_url(admin_url).set(database=name, password=_PASSWORD)
    return DatabaseUrls(
        *(
            base.set(username=user).render_as_string(hide_password=False)
            for user in (APP, SYSTEM, OWNER)
        )
    )


def _cache() -> Path:
    folder = Path(tempfile.gettempdir()) / f"musekit-test-databases-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def _guard(name: str) -> Iterator[None]:
    """Let one process at a time make a template."""
    with (_cache() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _admin(url: str) -> Iterator[Any]:
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
