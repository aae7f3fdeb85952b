"""``musekit keys``: the key ring that encrypts stored tokens."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from musekit.cli.output import as_json

app = typer.Typer(
    help="Make and rotate encryption keys.", no_args_is_help=True, rich_markup_mode=None
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def generate() -> None:
    """Print a new key; put it before the others in SOCIAL_ENCRYPTION_KEY, then `keys rotate`."""
    import base64
    import secrets
    from datetime import UTC, datetime

    name = f"k{datetime.now(UTC):%Y%m%d}{secrets.token_hex(2)}"
    sys.stdout.write(f"{name}:{base64.b64encode(secrets.token_bytes(32)).decode()}\n")
