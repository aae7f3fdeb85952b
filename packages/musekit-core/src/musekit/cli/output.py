"""What commands print: tables for people, JSON for programs, messages on standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn


def as_json(value: object) -> None:
    """Print a value as JSON on standard output."""
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False, indent=2) + "\n")


def table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print rows as a table with these columns."""
    from rich.console import Console
    from rich.table import Table

    listed = list(rows)
    if not sys.stdout.isatty():  # whole values, to be cut and searched by other programs
        for row in listed:
            sys.stdout.write("\t".join(str(row.get(name, "")) for name in columns) + "\n")
        return
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        grid.add_column(name.replace("_", " "), overflow="fold")
    for row in listed:
        grid.add_row(*(str(row.get(name, "")) for name in columns))
    Console().print(grid)


def say(text: str) -> None:
    """Print a line of progress; on standard error, for standard output may be read by a program."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def fail(text: str, status: int = 1) -> NoReturn:
    """Print why the command ended, and end it."""
    say(text)
    raise SystemExit(status)


def data_dir() -> Path:
    """Return the data directory, reading nothing but its own setting: it works when others fail."""
    return Path(os.environ.get("MUSEKIT_DATA_DIR") or "var")


def named_disabled() -> list[str]:
    """Return the plugins disabled by MUSEKIT_DISABLED_PLUGINS, a JSON list or names with commas."""
    given = os.environ.get("MUSEKIT_DISABLED_PLUGINS", "").strip()
    if given.startswith("["):
        try:
            return [str(name) for name in json.loads(given)]
        except ValueError:
            return []
    return [name.strip() for name in given.split(",") if name.strip()]
