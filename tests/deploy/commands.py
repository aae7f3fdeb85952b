"""Reading the files of deployments, and asking our own command line whether it would take them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import typer
import typer.main
import yaml

from musekit.cli import app, extending

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PAGES = [*sorted((ROOT / "docs").glob("deploy-*.md")), ROOT / "docs" / "operations.md"]
#: Commands for which plugins were asked.
_added: set[str] = set()
#: What typer raises at a command line; it is of a library that typer carries within it.
_WRONG: Any = next(each for each in typer.BadParameter.__mro__ if each.__name__ == "ClickException")
_NAME = re.compile(r"\b(?:MUSEKIT|PASSIVEPOST|SOCIAL|CRON)_[A-Z0-9_]*[A-Z0-9]\b")


def refusal(arguments: list[str]) -> str:
    """Return why `musekit` would not take a command line; empty: it would. Nothing is run."""
    if arguments and arguments[0] not in _added:
        _added.add(arguments[0])
        extending.add_commands(app, arguments)
    command: Any = typer.main.get_command(app)
    context = command.context_class(command, info_name="musekit")
    while hasattr(command, "get_command"):
        if not arguments:
            return "no command is named"
        found = command.get_command(context, arguments[0])
        if found is None:
            return f"there is no command {arguments[0]}"
        command, arguments = found, arguments[1:]
        if getattr(command, "invoke_without_command", False) and not arguments:
            return ""
    try:
        command.make_context("musekit", list(arguments))
    except _WRONG as error:
        return str(error) or type(error).__name__
    return ""


def dockerfile(text: str) -> dict[str, list[str]]:
    """Return the instructions of a Dockerfile by their names."""
    joined = re.sub(r"\\\n", " ", text)
    found: dict[str, list[str]] = {}
    for line in joined.splitlines():
        if line and not line.startswith("#"):
            name, _, rest = line.partition(" ")
            found.setdefault(name, []).append(rest.strip())
    return found


def image_command() -> list[str]:
    """Return what the image runs, without the program's name."""
    parts = dockerfile((DEPLOY / "Dockerfile").read_text())
    program, *first = json.loads(parts["ENTRYPOINT"][-1])
    assert program == "musekit"
    return [*first, *json.loads(parts["CMD"][-1])]


def compose() -> dict[str, Any]:
    """Return the compose file, its anchors resolved."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def units() -> dict[str, dict[str, list[str]]]:
    """Return the systemd units: file → key → values."""
    found: dict[str, dict[str, list[str]]] = {}
    for path in sorted((DEPLOY / "systemd").glob("*.service")):
        keys = found.setdefault(path.name, {})
        for line in path.read_text().splitlines():
            if "=" in line and not line.startswith("#"):
                name, _, value = line.partition("=")
                keys.setdefault(name, []).append(value)
    return found


def blocks(text: str) -> list[str]:
    """Return the lines of indented and fenced code of a page."""
    lines, fenced = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            lines.append(line.strip())
    return lines


def commands_in(text: str) -> list[list[str]]:
    """Return the `musekit …` command lines of a page: of its code, and those in backticks."""
    said = [*blocks(text), *re.findall(r"`(musekit [^`]+)`", text)]
    found = []
    for line in said:
        match = re.search(r"(?:^|[ /])musekit (?!\.|:)(.*)", line.partition("  #")[0])
        if match and "=" not in line.split("musekit ")[0] and "useradd" not in line:
            words = shlex.split(match[1].partition(" && ")[0].partition("#")[0])
            if words and re.fullmatch(r"[a-z][a-z-]*", words[0]):
                found.append(words)
    return found


def settings_in(text: str) -> set[str]:
    """Return the names of settings that a text has; ``MUSEKIT_LIMIT_…`` stands for many."""
    return set(_NAME.findall(re.sub(r"\b[A-Z_]+_(?=…|\{)", "", text)))
