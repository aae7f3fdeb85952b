"""Throw-away plugins with real entry points, and what tests of migrations share."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent, indent
from uuid import uuid4

from sqlalchemy import Connection, text

from musekit.kernel.migrations.connection import open_engine, owner_url, system_url
from musekit.kernel.settings import CoreSettings


@dataclass
class Plugin:
    name: str
    site: Path
    version: str
    uninstall: Callable[[], None]

    @property
    def versions(self) -> Path:
        return self.site / self.name / "migrations" / "versions"

    def revision(self, number: int, up: str = "pass", down: str = "pass", **values: object) -> str:
        """Write a revision; `up` and `down` are bodies with op, sa, UUID, SPACE, protect."""
        name = f"{self.name}_{number:04}"
        head = {
            "revision": name,
            "down_revision": f"{self.name}_{number - 1:04}" if number > 1 else None,
            **values,
        }
        self.versions.mkdir(parents=True, exist_ok=True)
        lines = [f'"""Revision {number} of {self.name}."""', "import sqlalchemy as sa"]
        lines += ["from alembic import op", "from musekit.migrations import *"]
        lines += ["from musekit.migrations import UUID, SPACE, JSON, protect, is_postgres"]
        lines += [f"{key} = {value!r}" for key, value in head.items()]
        for function, body in (("upgrade", up), ("downgrade", down)):
            lines += [f"def {function}():", indent(dedent(body).strip() or "pass", "    ")]
        (self.versions / f"{name}.py").write_text("\n".join(lines) + "\n")
        return name


@dataclass
class Site:
    """A folder like site-packages, on sys.path."""

    path: Path
    plugins: dict[str, Plugin] = field(default_factory=dict)

    def install(
        self, name: str, *, requires: tuple[str, ...] = (), version: str = "1.0",
        dist: str = "", listed: bool = False,
    ) -> Plugin:  # fmt: skip
        package = self.path / name
        package.mkdir(exist_ok=True)
        (package / "__init__.py").write_text("raise RuntimeError('the plugin was imported')\n")
        (package / "plugin.py").write_text("raise RuntimeError('the plugin was imported')\n")
        dist = dist or name.replace("_", "-")
        info = self.path / f"{dist.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        metadata = [f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}"]
        metadata += [f"Requires-Dist: {each}" for each in requires]
        (info / "METADATA").write_text("\n".join(metadata) + "\n")
        (info / "entry_points.txt").write_text(f"[musekit]\n{name} = {name}.plugin\n")
        if listed:
            files = [file.relative_to(self.path) for file in package.rglob("*.py")]
            (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
        importlib.invalidate_caches()

        def uninstall() -> None:
            for file in info.iterdir():
                file.unlink()
            info.rmdir()
            package.rename(self.path / f".gone-{name}-{uuid4().hex}")
            importlib.invalidate_caches()

        self.plugins[name] = Plugin(name, self.path, version, uninstall)
        return self.plugins[name]


def connect(settings: CoreSettings, who: str = "system"):
    """Open a transaction as a login, committed at the end."""
    url = {"system": system_url, "owner": owner_url}[who](settings)
    return open_engine(url).begin()


def people(connection: Connection, count: int = 1) -> list[tuple[str, str]]:
    """Insert users with a personal space each; return (user id, space id)."""
    made = []
    postgres = connection.dialect.name == "postgresql"
    for _ in range(count):
        user, space = (str(uuid4()) if postgres else uuid4().hex for _ in range(2))
        connection.execute(
            text(
                "INSERT INTO users (id, email, email_key, name, is_operator, timezone, locale,"
                " created_at, updated_at) VALUES (:user, :mail, :mail, '', false, 'UTC', 'en',"
                " CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)"
            ),
            {"user": user, "mail": f"{user}@example.com"},
        )
        connection.execute(
            text(
                "INSERT INTO spaces (id, name, personal_user_id, timezone, created_at)"
                " VALUES (:space, 'home', :user, 'UTC', CURRENT_TIMESTAMP)"
            ),
            {"space": space, "user": user},
        )
        made.append((user, space))
    return made


#: A tenant table with a column on a core table, an index, a trigger and, on PostgreSQL, a function.
CRM_UP = '''
op.create_table(
    "crm_leads",
    sa.Column("id", UUID, primary_key=True),
    SPACE(),
    sa.Column("user_id", UUID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("photo", sa.LargeBinary),
    sa.Column("facts", JSON),
)
op.create_index("ix_crm_leads_space_id", "crm_leads", ["space_id"])
op.create_table(
    "crm_notes",
    sa.Column("id", UUID, primary_key=True),
    SPACE(),
    sa.Column("lead_id", UUID, sa.ForeignKey("crm_leads.id", ondelete="CASCADE"), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)
protect(op, "crm_leads")
protect(op, "crm_notes")
op.add_column("profiles", sa.Column("crm_score", sa.Integer))
op.create_index("ix_crm_profiles_score", "profiles", ["crm_score"])
if is_postgres(op):
    op.execute("""CREATE FUNCTION crm_touch() RETURNS trigger LANGUAGE plpgsql AS
                  $$ BEGIN RETURN NEW; END $$""")
    op.execute("CREATE TRIGGER crm_profiles BEFORE UPDATE ON profiles FOR EACH ROW"
               " EXECUTE FUNCTION crm_touch()")
    op.execute("CREATE TYPE crm_mood AS ENUM ('good', 'bad')")
    op.execute("CREATE SEQUENCE crm_numbers")
else:
    op.execute("CREATE TRIGGER crm_profiles BEFORE UPDATE ON profiles BEGIN SELECT 1; END")
    op.execute("CREATE TRIGGER crm_keep BEFORE DELETE ON crm_notes"
               " WHEN OLD.body = 'never' BEGIN SELECT RAISE(ABORT, 'kept'); END")
    op.execute("CREATE VIRTUAL TABLE crm_search USING fts5(body)")
'''

CRM_DOWN = """
if is_postgres(op):
    op.execute("DROP TRIGGER crm_profiles ON profiles")
    op.execute("DROP FUNCTION crm_touch()")
    op.execute("DROP TYPE crm_mood")
    op.execute("DROP SEQUENCE crm_numbers")
else:
    op.execute("DROP TRIGGER crm_profiles")
    op.execute("DROP TABLE crm_search")
op.drop_index("ix_crm_profiles_score", "profiles")
op.drop_column("profiles", "crm_score")
op.drop_table("crm_notes")
op.drop_table("crm_leads")
"""


def simple(table: str) -> tuple[str, str]:
    """Bodies of a revision that makes one table, and drops it."""
    return (
        f'op.create_table("{table}", sa.Column("id", sa.Integer, primary_key=True))',
        f'op.drop_table("{table}")',
    )
