"""``musekit new platform NAME``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from musekit.api import ConfigurationError
from passivepost.scaffold.writing import ScaffoldError, write_platform

app = typer.Typer(rich_markup_mode=None)


@app.command("platform")
def platform(
    name: Annotated[str, typer.Argument(help="Lower case, such as “mastodon”.")],
    folder: Annotated[Path, typer.Option(help="Where to write the package's folder.")] = Path(),
    label: Annotated[str, typer.Option(help="The network's name for people.")] = "",
) -> None:
    """Write a working platform package: declared facts, three methods, a test that holds it."""
    try:
        written = write_platform(name, folder, label=label)
    except ScaffoldError as error:
        raise ConfigurationError(str(error)) from None
    sys.stdout.write(
        "\n".join(
            [
                f"Wrote {len(written)} files to {written[0].parent}. Next:",
                f"  cd {written[0].parent}",
                "  pip install -e '.[test]'",
                "  pytest",
                "Then put the network's own addresses and words into client.py and platform.py.",
                "",
            ]
        )
    )
