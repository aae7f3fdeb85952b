"""``musekit plugins``: what is installed. Imports no plugin, so it works when one is broken."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from musekit.cli.output import as_json, data_dir, fail, named_disabled, table

app = typer.Typer(
    help="List, inspect, switch off and purge plugins.", no_args_is_help=True, rich_markup_mode=None
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="The plugin's name, as `musekit plugins list` shows it.")]


def rows() -> list[dict[str, Any]]:
    """Return one row per installed plugin, from metadata and files alone."""
    from musekit.kernel import discovery, requirements
    from musekit.kernel.discovery import plugins_dir, read_json

    off = discovery.disabled(data_dir(), named_disabled())
    held = {
        each["plugin"]: each
        for each in read_json(plugins_dir(data_dir()) / "state.json", dict).get("held", ())
    }
    found = []
    for each in discovery.installed():
        fault = each.fault or "; ".join(requirements.unmet(each))
        seen = held.get(each.name)
        if seen and (seen["dist"], seen["version"]) != (each.dist, each.version):
            seen = None  # it was another version that failed
        if each.name in off:
            state, detail = "disabled", "musekit plugins enable " + each.name
        elif fault:
            state, detail = "fault", fault
        elif seen:
            state, detail = f"held ({seen['phase']})", f"{seen['error']}. {seen['advice']}"
        else:
            state, detail = "enabled", ""
        found.append(
            {"name": each.name, "dist": each.dist, "version": each.version, "state": state,
             "detail": detail}
        )  # fmt: skip
    return found


@app.command("list")
def list_(json: Json = False) -> None:
    """List the installed plugins and their state at the last start."""
    if json:
        as_json(rows())
    else:
        table(["name", "version", "dist", "state", "detail"], rows())


@app.command()
def info(name: Name, json: Json = False) -> None:
    """Show what metadata and files tell of a plugin."""
    from musekit.kernel import discovery
    from musekit.kernel.migrations.lineage import discover

    plugin = next((each for each in discovery.installed() if each.name == name), None)
    if plugin is None:
        fail(f"No plugin “{name}” is installed. `musekit plugins list` shows those that are.")
    lineage = next((each for each in discover() if each.name == name), None)
    shown = {
        **next(row for row in rows() if row["name"] == name),
        "module": plugin.module,
        "requires": [each for each in plugin.requires if "extra ==" not in each],
        "migrations": [each.id for each in lineage.revisions] if lineage else [],
    }
    if json:
        as_json(shown)
        return
    for key, value in shown.items():
        text = "\n              ".join(value) if isinstance(value, list) else value
        sys.stdout.write(f"{key:<12}  {text}\n")


@app.command()
def disable(name: Name) -> None:
    """Do not import a plugin from the next start on. Its data stays."""
    from musekit.kernel import discovery

    if name == discovery.CORE:
        fail("The core cannot be disabled.")
    if name not in {each.name for each in discovery.installed()}:
        fail(f"No plugin “{name}” is installed. `musekit plugins list` shows those that are.")
    changed = discovery.set_disabled(data_dir(), name, True)
    sys.stdout.write(
        f"“{name}” is disabled. Restart what is running.\n" if changed
        else f"“{name}” was disabled already.\n"
    )  # fmt: skip


@app.command()
def enable(name: Name) -> None:
    """Import a plugin again from the next start on, and forget earlier failures of its import."""
    from musekit.kernel import discovery
    from musekit.kernel.probe import Proofs

    Proofs(data_dir()).forget(name)
    changed = discovery.set_disabled(data_dir(), name, False)
    if name in named_disabled():
        fail(f"MUSEKIT_DISABLED_PLUGINS still names “{name}”; take it out there.")
    sys.stdout.write(
        f"“{name}” is enabled. Restart what is running.\n" if changed
        else f"“{name}” was not disabled; it is tried afresh at the next start.\n"
    )  # fmt: skip


@app.command()
def commands(json: Json = False) -> None:
    """List the commands that plugins add. This one imports the plugins."""
    from musekit.cli.extending import registered

    listed = [
        {"command": command.name, "plugin": plugin, "help": command.help}
        for plugin, command in registered()
    ]
    if json:
        as_json(listed)
    else:
        table(["command", "plugin", "help"], listed)
