"""``musekit keys``: the key ring that encrypts stored tokens."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

app = typer.Typer(
    help="Make and rotate encryption keys.", no_args_is_help=True, rich_markup_mode=None
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def generate() -> None:
    """Print a new key; put it before the others in SOCIAL_ENCRYPTION_KEY, then `keys rotate`."""
    from musekit.kernel.crypto.keys import new_key, parse, write_down
    from musekit.kernel.settings import CoreSettings, load_section

    ring = load_section(CoreSettings, "musekit").social_encryption_key
    taken = [key.id for key in parse(ring.get_secret_value())] if ring else []
    sys.stdout.write(write_down(new_key(taken)) + "\n")
