"""Writing the files, from templates in this package."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

#: Template → where it goes.
FILES = {
    "pyproject.toml": "pyproject.toml",
    "init.py": "src/{package}/__init__.py",
    "plugin.py": "src/{package}/plugin.py",
    "settings.py": "src/{package}/settings.py",
    "client.py": "src/{package}/client.py",
    "platform.py": "src/{package}/platform.py",
    "test_platform.py": "tests/test_platform.py",
}


class ScaffoldError(Exception):
    """The files cannot be written; the message says what to change. Nothing was written."""


def write_platform(name: str, folder: Path, *, label: str = "") -> list[Path]:
    """Write the package ``passivepost-platform-<name>`` into a new folder inside `folder`.

    Args:
        name: the platform's name: lower-case letters, digits and ``_``.
        label: its name for people; empty: the name, capitalised.

    Returns:
        The files written, ``pyproject.toml`` first.

    Raises:
        ScaffoldError: the name is not usable, or the folder exists.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,30}", name):
        raise ScaffoldError(
            f"“{name}” is no platform name. Use lower-case letters, digits and _, such as"
            " “mastodon”. Nothing was written."
        )
    dist = f"passivepost-platform-{name.replace('_', '-')}"
    target = folder / dist
    if target.exists():
        raise ScaffoldError(f"{target} is there already. Nothing was written.")
    label = (label or name.replace("_", " ").title()).replace('"', "").replace("\\", "")
    values = {
        "NAME": name,
        "LABEL": label,
        "DIST": dist,
        "PACKAGE": dist.replace("-", "_"),
        "CLASS": "".join(word.capitalize() for word in name.split("_")),
        "PREFIX": dist.replace("-", "_").upper(),
    }
    written = []
    for template, place in FILES.items():
        text = files("passivepost.scaffold").joinpath("templates", template + ".tmpl").read_text()
        for word, value in values.items():
            text = text.replace(f"@{word}@", value)
        path = target / place.format(package=values["PACKAGE"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
