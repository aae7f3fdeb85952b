"""``musekit plugins``: what is installed. Imports no plugin, so it works when one is broken."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from musekit.cli.options import Json, yes_delete
from musekit.cli.output import as_json, data_dir, fail, named_disabled, table

app = typer.Typer(
    help="List, inspect, switch off and purge plugins.", no_args_is_help=True, rich_markup_mode=None
)
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
    return found + _gone({each["name"] for each in found})


def _gone(installed: set[str]) -> list[dict[str, Any]]:
    """Return one row per plugin whose data the last start saw, but which is not installed."""
    from musekit.kernel.discovery import plugins_dir, read_json

    known = read_json(plugins_dir(data_dir()) / "state.json", dict).get("recorded", ())
    return [
        {**each, "state": "gone",
         "detail": f"musekit plugins purge {each['name']} shows what it left"}
        for each in known if each["name"] not in installed
    ]  # fmt: skip


def _forget(name: str) -> None:
    """Take a plugin that was purged off the list of those whose data is here."""
    from musekit.kernel.discovery import plugins_dir, read_json, write_json

    path = plugins_dir(data_dir()) / "state.json"
    state = read_json(path, dict)
    known = state.get("recorded", [])
    if any(each["name"] == name for each in known):
        write_json(path, {**state, "recorded": [each for each in known if each["name"] != name]})


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
def purge(
    name: Name,
    confirmed: Annotated[str, yes_delete("NAME", "the plugin's name")] = "",
    export: Annotated[
        Path | None, typer.Option(help="Export all rows and files to this folder first.")
    ] = None,
    json: Json = False,
) -> None:
    """Show what a plugin owns; with --yes-delete NAME, delete it. Works when its code is gone."""
    from musekit.kernel.migrations.purge import export as write_export
    from musekit.kernel.migrations.purge import plan
    from musekit.kernel.migrations.purge import purge as delete
    from musekit.kernel.settings import CoreSettings, load_section

    settings = load_section(CoreSettings, "musekit")
    if confirmed:
        found = delete(settings, name, confirm=confirmed, export_to=export)
        _forget(name)
    else:
        found = plan(settings, name)
        if export is not None:
            write_export(found, export)
    shown = {
        "plugin": name,
        "deleted": bool(confirmed),
        "exported_to": str(export) if export else None,
        "tables": dict(found.tables),
        "columns": list(found.columns),
        "objects": {kind: list(names) for kind, names in found.objects.items()},
        "parked_jobs": found.parked_jobs,
        "settings": dict(found.settings_rows),
        "effects": {effect.title: rows for effect, rows in found.effects},
        "files": [found.file_count, found.file_bytes],
        "refusals": list(found.refusals),
    }
    if json:
        as_json(shown)
    else:
        _print_purge(shown)


def _print_purge(shown: dict[str, Any]) -> None:
    verb = "Deleted" if shown["deleted"] else "Would delete"
    lines = [f"{verb} of plugin “{shown['plugin']}”:"]
    lines += [f"  table {table}: {rows} rows" for table, rows in shown["tables"].items()]
    lines += [f"  column {name}" for name in shown["columns"]]
    lines += [f"  {kind}: {', '.join(names)}" for kind, names in shown["objects"].items()]
    lines += [f"  {title}: {rows} rows" for title, rows in shown["effects"].items()]
    lines += [f"  rows of {table}: {rows}" for table, rows in shown["settings"].items()]
    lines += [
        f"  jobs parked: {shown['parked_jobs']}",
        "  files: {} ({} bytes)".format(*shown["files"]),
    ]
    if shown["exported_to"]:
        lines.append(f"Exported to {shown['exported_to']}.")
    lines += [f"Refused: {reason}." for reason in shown["refusals"]]
    if not shown["deleted"] and not shown["refusals"]:
        lines.append(f"Nothing was changed. To delete it: --yes-delete {shown['plugin']}")
    sys.stdout.write("\n".join(lines) + "\n")


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
