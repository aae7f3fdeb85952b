"""Commands of plugins, loaded only when one of them is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from musekit.cli.output import fail

if TYPE_CHECKING:
    from musekit.declarations import Command

#: Groups of the core that plugins may add to: ``new platform``.
_OPEN = {"new": ("app", "product")}


def add_commands(app: typer.Typer, arguments: Sequence[str]) -> None:
    """Add plugins' commands to `app` if the command line needs one.

    The core's own commands import no plugin, so that a broken one cannot break them.
    """
    from musekit.kernel.collecting import CORE_COMMANDS

    words = [word for word in arguments if not word.startswith("-")]
    if not words or (words[0] in CORE_COMMANDS and words[0] not in _OPEN):
        return
    if words[0] in _OPEN and len(words) > 1 and words[1] in _OPEN[words[0]]:
        return
    for plugin, command in registered():
        if command.name.split(" ")[0] == words[0]:
            _add(app, plugin, command)


def registered() -> list[tuple[str, Command]]:
    """Return (plugin, command) of all plugins that load here; needs no database."""
    from musekit.kernel import collecting, loader
    from musekit.kernel.settings import CoreSettings, load_section

    registry = loader.load(load_section(CoreSettings, "musekit"))
    kinds = [kind for kind in collecting.PLAIN if kind.name == "commands"]
    collecting.collect(registry, kinds)
    return [
        (name, command)
        for name, each in registry.contributions.items()
        for command in each.items.get("commands", ())
    ]


def _add(app: typer.Typer, plugin: str, command: Command) -> None:
    try:
        commands = command.load()
    except Exception as error:
        fail(f"The command “{command.name}” of plugin “{plugin}” cannot be loaded: {error!r}")
    group, _, name = command.name.rpartition(" ")
    parent = app
    if group:
        parent = next(
            each.typer_instance
            for each in app.registered_groups
            if each.name == group and each.typer_instance is not None
        )
    single = len(commands.registered_commands) == 1 and not commands.registered_groups
    if single and commands.registered_callback is None:
        only = commands.registered_commands[0]
        only.name = name
        only.help = only.help or command.help
        parent.registered_commands.append(only)
    else:
        parent.add_typer(commands, name=name, help=command.help)
