"""Alembic, driven by program: one revision up or down, or the SQL of many."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection

from musekit.kernel.migrations.lineage import Lineage

if TYPE_CHECKING:
    from alembic.config import Config

Direction = Literal["up", "down"]


def run(connection: Connection, lineage: Lineage, target: str, direction: Direction) -> None:
    """Run a lineage up or down to `target` (a revision, or ``base``) on a connection.

    The caller has begun the transaction, and commits it.
    """
    from alembic import command  # 900 ms: only what migrates pays for it

    config = _config(lineage, connection=connection)
    (command.upgrade if direction == "up" else command.downgrade)(config, target)


def render(lineage: Lineage, dialect: str, current: str | None) -> str:
    """Return the SQL that brings a lineage from `current` to its head, running none of it."""
    from alembic import command

    if lineage.head is None or current == lineage.head:
        return ""
    out = io.StringIO()
    config = _config(lineage, dialect=dialect)
    config.output_buffer = out
    command.upgrade(config, f"{current}:{lineage.head}" if current else lineage.head, sql=True)
    return out.getvalue()


def _config(lineage: Lineage, **attributes: Any) -> Config:
    from alembic.config import Config

    config = Config(attributes={"version_table": lineage.version_table, **attributes})
    config.set_main_option("script_location", _escaped(Path(__file__).parent))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", _escaped(Path(str(lineage.directory)) / "versions"))
    return config


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")  # the configuration interpolates
