"""``musekit new``: write the first files of an app or a product."""

from __future__ import annotations

import typer

app = typer.Typer(
    help="Write the first files of something new.", no_args_is_help=True, rich_markup_mode=None
)
