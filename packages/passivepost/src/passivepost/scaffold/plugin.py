"""The command, as PassivePost adds it to ``musekit new``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from musekit import declarations as d
from musekit import hookimpl

if TYPE_CHECKING:
    import typer


@hookimpl
def musekit_register_commands() -> Iterable[d.Command]:
    """``musekit new platform``."""
    return [
        d.Command(
            name="new platform", help="Write the first files of a platform package.", load=_load
        )
    ]


def _load() -> typer.Typer:
    from passivepost.scaffold.command import app

    return app
