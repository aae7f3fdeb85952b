"""``musekit new``: write the first files of an app or a product. Plugins add more kinds."""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from musekit import __version__
from musekit.cli.output import fail

app = typer.Typer(
    help="Write the first files of something new.", no_args_is_help=True, rich_markup_mode=None
)
Name = Annotated[str, typer.Argument(help="Lower-case letters, digits and dashes.")]
Folder = Annotated[Path, typer.Option(help="Where to write the new folder.")]
Label = Annotated[str, typer.Option(help="The name for people.")]

#: Template → where it goes.
PRODUCT = {
    "pyproject.toml": "pyproject.toml",
    "init.py": "src/{package}/__init__.py",
    "plugin.py": "src/{package}/plugin.py",
    "models.py": "src/{package}/models.py",
    "service.py": "src/{package}/service.py",
    "routes.py": "src/{package}/routes.py",
    "pages.py": "src/{package}/pages.py",
    "notes.html": "src/{package}/templates/{package}/notes.html",
    "0001_notes.py": "src/{package}/migrations/versions/0001_notes.py",
    "test_notes.py": "tests/test_notes.py",
}
APP = {
    "readme.md": "README.md",
    "requirements.txt": "requirements.txt",
    "settings.env": "settings.env",
    "dockerfile": "Dockerfile",
}


@app.command("app")
def app_(name: Name, folder: Folder = Path(), label: Label = "") -> None:
    """Write the files of a deployment: what is installed, and its settings."""
    target = _write("app", APP, name, folder, label)
    sys.stdout.write(f"Wrote {target}. Its README.md says how to go on.\n")


@app.command()
def product(name: Name, folder: Folder = Path(), label: Label = "") -> None:
    """Write a working product: a table, routes, a page, a menu entry and tests."""
    target = _write("product", PRODUCT, name, folder, label)
    sys.stdout.write(
        f"Wrote {target}. Next:\n  cd {target}\n  pip install -e '.[test]'\n  pytest\n"
        "  musekit up\n"
    )


def _write(kind: str, names: dict[str, str], name: str, folder: Path, label: str) -> Path:
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > 40:
        fail(f"“{name}” is no name: lower-case letters, digits and dashes. Nothing was written.")
    target = folder / name
    if target.exists():
        fail(f"{target} is there already. Nothing was written.")
    major, minor = __version__.split(".")[:2]
    values = {
        "KEY": name,
        "DIST": name,
        "PACKAGE": name.replace("-", "_"),
        "LABEL": re.sub(r"[^\w .’-]", "", label or name.replace("-", " ").title()),
        "VERSION": f"{major}.{minor}",
        "CEILING": f"{major}.{int(minor) + 1}",
    }
    for template, place in names.items():
        source = files("musekit.cli").joinpath("templates", kind, f"{template}.tmpl")
        text = re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], source.read_text("utf-8"))
        path = target / place.format(package=values["PACKAGE"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return target
