"""Hostile third-party plugins as real distributions: a package and its metadata in a folder.

Each of `HOSTILE` is wrong in one way; `expected` says in which phase it must be held, and what the
message must contain. `GOOD` must work beside all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent


@dataclass(frozen=True, kw_only=True)
class Specimen:
    """A distribution to be written, and what the host must say of it."""

    name: str
    code: str
    version: str = "1.0"
    dist: str = ""
    entry: str = ""  #: entry point name, where it differs from the package
    requires: tuple[str, ...] = ()
    migrations: dict[str, str] = field(default_factory=dict)
    phase: str = ""
    says: tuple[str, ...] = ()

    @property
    def distribution(self) -> str:
        return self.dist or self.name.replace("_", "-")

    @property
    def plugin(self) -> str:
        return self.entry or self.name


def write(site: Path, specimen: Specimen) -> None:
    """Install a specimen into a folder that is put on the path."""
    package = site / specimen.name
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(dedent(specimen.code))
    for file, code in specimen.migrations.items():
        versions = package / "migrations" / "versions"
        versions.mkdir(parents=True, exist_ok=True)
        (versions / file).write_text(dedent(code))
    info = site / f"{specimen.distribution.replace('-', '_')}-{specimen.version}.dist-info"
    info.mkdir()
    requires = "".join(f"Requires-Dist: {each}\n" for each in specimen.requires)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {specimen.distribution}\n"
        f"Version: {specimen.version}\n{requires}"
    )
    (info / "entry_points.txt").write_text(
        f"[musekit]\n{specimen.plugin} = {specimen.name}.plugin\n"
    )


ROUTE = """
    from typing import Annotated
    from fastapi import APIRouter
    from musekit.api import Actor, RouteSet, hookimpl, public
    router = APIRouter()

    @router.get("{path}")
    def show(actor: Annotated[Actor | None, public()]) -> dict[str, str]:
        return {{"from": __name__}}

    @hookimpl
    def musekit_register_routes(host):
        return [RouteSet(router=router)]
"""

MIGRATION = """
    '''{name} tables.'''
    import sqlalchemy as sa
    from alembic import op
    revision = "{revision}"
    down_revision = None

    def upgrade():
        op.create_table("{table}", sa.Column("id", sa.Integer, primary_key=True))

    def downgrade():
        op.drop_table("{table}")
"""

GOOD = Specimen(
    name="zoo_good",
    code=ROUTE.format(path="/api/zoo/good")
    + """
    from musekit.api import Health, HealthCheck, NavItem, Permission

    @hookimpl
    def musekit_register_permissions():
        return [Permission(key="zoo.read", label="See the zoo", lowest_role="viewer")]

    @hookimpl
    def musekit_register_navigation():
        return [NavItem(label="Zoo", href="/zoo", group="Tools")]

    @hookimpl
    def musekit_register_health_checks():
        return [HealthCheck(name="zoo", check=lambda host: Health(status="ok"))]
""",
)

HOSTILE = [
    Specimen(
        name="zoo_import_error", code="import a_module_that_nobody_has",
        phase="import", says=("ModuleNotFoundError", "a_module_that_nobody_has"),
    ),
    Specimen(name="zoo_syntax", code="def broken(:", phase="import", says=("SyntaxError",)),
    Specimen(
        name="zoo_sys_exit", code="import sys; sys.exit(3)", phase="import", says=("SystemExit",)
    ),
    Specimen(name="zoo_os_exit", code="import os; os._exit(7)", phase="import", says=("status 7",)),
    Specimen(
        name="zoo_segfault", code="import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        phase="import", says=("signal 11",),
    ),
    Specimen(
        name="zoo_hang", code="import time; time.sleep(3600)",
        phase="import", says=("did not end within", "zoo_hang"),
    ),
    Specimen(
        name="zoo_signature",
        code="""
        from musekit import hookimpl
        @hookimpl
        def musekit_register_jobs(nonsense):
            return []
        """,
        phase="register", says=("nonsense",),
    ),
    Specimen(
        name="zoo_unknown_hook",
        code="""
        from musekit import hookimpl
        @hookimpl
        def musekit_register_everything():
            return []
        """,
        phase="register", says=("musekit_register_everything",),
    ),
    Specimen(
        name="zoo_orphan",
        code="""
        from musekit import hookimpl
        @hookimpl
        def absentproduct_register_things():
            return []
        """,
        phase="inactive", says=("needs absentproduct",),
    ),
    Specimen(
        name="zoo_requirement", code="", requires=("musekit-core>=99",),
        phase="requirements", says=("musekit-core", ">=99"),
    ),
    Specimen(
        name="zoo_missing", code="", requires=("a-dist-that-nobody-has",),
        phase="inactive", says=("a-dist-that-nobody-has", "not installed"),
    ),
    Specimen(
        name="zoo_dependant", code="", requires=("zoo-import-error",),
        phase="inactive", says=("needs zoo_import_error",),
    ),
    Specimen(
        name="zoo_twin_a", entry="zoo_twin", code="raise SystemError('imported')",
        phase="discover", says=("zoo-twin-a", "zoo-twin-b"),
    ),
    Specimen(
        name="zoo_twin_b", entry="zoo_twin", code="raise SystemError('imported')",
        phase="discover", says=("zoo-twin-a", "zoo-twin-b"),
    ),
    Specimen(
        name="zoo_misnamed", entry="something_else", code="raise SystemError('imported')",
        phase="discover", says=("zoo_misnamed", "something_else"),
    ),
    Specimen(
        name="zoo_route", code=ROUTE.format(path="/api/zoo/good"),
        phase="routes", says=("GET /api/zoo/good", "zoo_good"),
    ),
    Specimen(
        name="zoo_core_route", code=ROUTE.format(path="/api/auth/me"),
        phase="routes", says=("GET /api/auth/me", "musekit"),
    ),
    Specimen(
        name="zoo_open_route",
        code="""
        from fastapi import APIRouter
        from musekit.api import NavItem, RouteSet, hookimpl
        router = APIRouter()

        @router.get("/api/zoo/open")
        def show() -> str:
            return "everything"

        @hookimpl
        def musekit_register_navigation():
            return [NavItem(label="Open", href="/api/zoo/open", group="Tools")]

        @hookimpl
        def musekit_register_routes(host):
            return [RouteSet(router=router)]
        """,
        phase="routes", says=("/api/zoo/open", "does not state who may call it"),
    ),
    Specimen(
        name="zoo_permission",
        code="""
        from musekit.api import Permission, hookimpl
        @hookimpl
        def musekit_register_permissions():
            return [Permission(key="zoo.read", label="Mine", lowest_role="viewer")]
        """,
        phase="collect", says=("permission zoo.read", "zoo_good"),
    ),
    Specimen(
        name="zoo_settings",
        code="""
        from musekit.api import SettingsSection, hookimpl
        from pydantic_settings import BaseSettings, SettingsConfigDict
        class Mine(BaseSettings):
            model_config = SettingsConfigDict(env_prefix="MUSEKIT_")
        @hookimpl
        def musekit_register_settings():
            return [SettingsSection(model=Mine)]
        """,
        phase="collect", says=("ZOO_SETTINGS_", "MUSEKIT_"),
    ),
    Specimen(
        name="zoo_setting_value",
        code="""
        from musekit.api import SettingsSection, hookimpl
        from pydantic_settings import BaseSettings, SettingsConfigDict
        class Mine(BaseSettings):
            model_config = SettingsConfigDict(env_prefix="ZOO_SETTING_VALUE_")
            needed: int
        @hookimpl
        def musekit_register_settings():
            return [SettingsSection(model=Mine)]
        """,
        phase="settings", says=("ZOO_SETTING_VALUE_NEEDED",),
    ),
    Specimen(
        name="zoo_wrong_type",
        code="""
        from musekit.api import hookimpl
        @hookimpl
        def musekit_register_jobs():
            return ["not a job"]
        """,
        phase="collect", says=("str", "Job"),
    ),
    Specimen(
        name="zoo_raises",
        code="""
        from musekit.api import Permission, hookimpl
        @hookimpl
        def musekit_register_permissions():
            return [Permission(key="zoo.half", label="Half", lowest_role="viewer")]
        @hookimpl
        def musekit_register_tiers():
            raise RuntimeError("no tiers today")
        """,
        phase="collect", says=("no tiers today", "musekit_register_tiers"),
    ),
    Specimen(
        name="zoo_exits_later",
        code="""
        from musekit.api import hookimpl
        @hookimpl
        def musekit_register_routes(host):
            raise SystemExit(9)
        """,
        phase="collect", says=("SystemExit",),
    ),
    Specimen(
        name="zoo_job_name",
        code="""
        from musekit.api import Job, hookimpl
        @hookimpl
        def musekit_register_jobs():
            return [Job(name="Not A Name", handler=lambda run: None)]
        """,
        phase="collect", says=("Not A Name",),
    ),
    Specimen(
        name="zoo_command",
        code="""
        from musekit.api import Command, hookimpl
        @hookimpl
        def musekit_register_commands():
            return [Command(name="migrate", help="mine", load=None)]
        """,
        phase="collect", says=("migrate",),
    ),
    Specimen(
        name="zoo_lifespan",
        code=ROUTE.format(path="/api/zoo/lifespan")
        + """
    from contextlib import asynccontextmanager

    @hookimpl
    def musekit_lifespan(host):
        @asynccontextmanager
        async def run():
            raise RuntimeError("no start")
            yield
        return run()
        """,
        phase="lifespan", says=("no start",),
    ),
    Specimen(
        name="zoo_unmigrated", code="raise SystemError('imported')",
        migrations={
            "0001.py": MIGRATION.format(
                name="zoo", revision="zoo_unmigrated_0001", table="zoo_unmigrated"
            )
        },
        phase="migrations", says=("zoo_unmigrated_0001",),
    ),
    Specimen(
        name="zoo_revision", code="raise SystemError('imported')",
        migrations={"0001.py": MIGRATION.format(name="zoo", revision="abcdef", table="zoo_x")},
        phase="migrations", says=("zoo_revision_0001",),
    ),
]  # fmt: skip
