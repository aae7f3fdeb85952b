"""Writes the reference pages under docs/ from the code: settings, hooks, commands, endpoints.

``--check`` writes nothing and ends with status 1 when a page is not what the code says.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
NOTE = "<!-- Written by tools/docs.py from the code; do not edit by hand. -->\n"


def main() -> int:
    folder = tempfile.mkdtemp(prefix="musekit-docs-")
    for name in [name for name in os.environ if name.startswith(("MUSEKIT_", "PASSIVEPOST_"))]:
        del os.environ[name]
    os.environ |= {"MUSEKIT_DATA_DIR": folder, "MUSEKIT_MODE": "development", "COLUMNS": "96"}
    check = "--check" in sys.argv[1:]
    stale = []
    for name, text in pages():
        path = DOCS / name
        wanted = NOTE + text.rstrip() + "\n"
        if path.exists() and path.read_text() == wanted:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(wanted)
    for name in stale:
        print(f"docs/{name} {'is not up to date: run tools/docs.py' if check else 'written'}")
    return 1 if check and stale else 0


def pages() -> Iterator[tuple[str, str]]:
    from musekit.kernel.app import create_app
    from musekit.kernel.build import build_host

    host = build_host(strict=True, offline=True)
    try:
        yield "settings.md", settings(host)
        yield "hooks.md", hooks(host)
        yield "endpoints.md", endpoints(host, create_app(host))
    finally:
        host.close()
    yield "cli.md", commands()


# --- settings ---


def settings(host: Any) -> str:
    from musekit.kernel.settings import CoreSettings

    lines = [
        "# Settings",
        "",
        "Read from environment variables when a process starts. A wrong value stops the start (of"
        " the core) or holds the plugin it belongs to, and is named. Lists are JSON.",
        "",
    ]
    lines += section("The core", CoreSettings)
    for plugin, each in host.registry.contributions.items():
        declared = each.items.get("settings", ())
        for one in declared:
            prefix = one.model.model_config.get("env_prefix")
            title = f"`{plugin}`, `{prefix}…`" if len(declared) > 1 else f"`{plugin}`"
            lines += section(title, one.model)
    return "\n".join(lines)


def section(title: str, model: Any) -> list[str]:
    prefix = str(model.model_config.get("env_prefix") or "")
    first = (inspect.getdoc(model) or "").splitlines()[0]
    rows = []
    for name, field in model.model_fields.items():
        names = environment_names(prefix, name, field.validation_alias)
        text = " ".join((field.description or "").split()).replace("|", "\\|")
        rows.append(f"| {names} | {kind(field)} | {default(field)} | {text} |")
    head = ["| variable | type | default | what it is |", "|---|---|---|---|"]
    return [f"## {title}", "", first, "", *head, *rows, ""]


def environment_names(prefix: str, name: str, alias: Any) -> str:
    choices = getattr(alias, "choices", None) or ([alias] if alias else [f"{prefix}{name}"])
    return " or ".join(f"`{str(choice).upper()}`" for choice in choices)


def kind(field: Any) -> str:
    text = str(field.annotation).replace("typing.", "")
    match = re.match(r"<class '(?:.*\.)?(\w+)'>", text)
    text = match[1] if match else re.sub(r"[\w.]+\.(\w+)", r"\1", text)
    text = text.replace("NoneType", "None")
    if text.startswith("Literal["):
        return ", ".join(f"`{word.strip()[1:-1]}`" for word in text[8:-1].split(","))
    return text.replace("|", "\\|")


def default(field: Any) -> str:
    if field.is_required():
        return "must be set"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ("", [], {}, ()):
        return ""
    return f"`{value}`"


# --- hooks ---


def hooks(host: Any) -> str:
    from musekit import hookspecs

    lines = ["# Hooks", "", inspect.getdoc(hookspecs) or "", "", *of_module(host, hookspecs)]
    for plugin in host.registry.plugins:
        if plugin.package == "musekit":
            continue
        try:
            module = importlib.import_module(f"{plugin.package}.hookspecs")
        except ModuleNotFoundError:
            continue
        lines += [f"# Hooks of {plugin.name}", "", inspect.getdoc(module) or "", ""]
        lines += of_module(host, module)
    return "\n".join(lines)


def of_module(host: Any, module: Any) -> list[str]:
    lines = []
    for name, function in vars(module).items():
        if not inspect.isfunction(function) or function.__module__ != module.__name__:
            continue
        users = sorted({each.plugin_name for each in host.registry.hooks.implementations(name)})
        signature = str(inspect.signature(function)).replace("'", "")
        used = ", ".join(f"`{user}`" for user in users) or "nothing in this repository yet"
        lines += [f"## `{name}`", "", "```python", f"def {name}{signature}", "```", "",
                  inspect.getdoc(function) or "", "", f"Used by {used}.", ""]  # fmt: skip
    return lines


# --- endpoints ---


def endpoints(host: Any, app: Any) -> str:
    from musekit.kernel.web.routes import table

    said = {
        "host": "everybody; the host's own",
        "public": "everybody",
        "signed_in": "whoever is signed in",
        "operator": "the operator of the deployment",
    }
    rows = []
    for method, path, rule, limit in table(app):
        if path == "/_design":
            continue
        word, _, name = rule.partition(" ")
        access = {"permission": f"permission `{name}`", "secret": f"the secret `{name}_secret`"}
        rows.append(f"| {method} | `{path}` | {access.get(word) or said[word]} | {limit} |")
    return "\n".join(
        ["# Endpoints", "", "Every route of the installed packages, and who may call it. Requests"
         " and answers are described by `musekit openapi`. The limits are settings:"
         " `MUSEKIT_LIMIT_` and the name.", "",
         "| method | path | for | limit |", "|---|---|---|---|", *rows]
    )  # fmt: skip


# --- commands ---


def commands() -> str:
    import typer
    from typer.testing import CliRunner

    from musekit.cli import app, extending

    extending.add_commands(app, ["new"])
    for plugin, command in extending.registered():
        if " " not in command.name:
            extending._add(app, plugin, command)
    runner = CliRunner()
    lines = ["# The `musekit` command", ""]

    def describe(words: list[str], command: Any) -> None:
        text = runner.invoke(app, [*words, "--help"], prog_name="musekit").output
        shown = "\n".join(line.rstrip() for line in text.strip().splitlines())
        title = " ".join(["musekit", *words])
        lines.extend([f"## `{title}`", "", "```text", shown, "```", ""])
        for name, child in getattr(command, "commands", {}).items():
            describe([*words, name], child)

    describe([], typer.main.get_command(app))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
