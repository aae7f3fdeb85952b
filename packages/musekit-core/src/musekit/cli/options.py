"""Options that several commands have, so that they look and read the same everywhere."""

from __future__ import annotations

from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def yes_delete(metavar: str, what: str) -> Any:
    """Return the option by which a person confirms a deletion: the name is typed once more.

    The command without it deletes nothing and says what would go. There is no ``--yes``: that is
    as soon typed for the wrong name as for the right one.

    Args:
        metavar: what stands for the name in the help, such as ``EMAIL``.
        what: what is to be repeated, such as “the address”.
    """
    return typer.Option("--yes-delete", metavar=metavar, help=f"Delete; repeat {what}.")
