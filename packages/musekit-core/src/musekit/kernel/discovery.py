"""Which plugins are installed, from the metadata of distributions. Nothing is imported here.

So the commands that repair an installation (`musekit plugins list`, `disable`) work however broken
a plugin is.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import importlib_metadata

GROUP = "musekit"
#: The name of the core's own entry point.
CORE = "musekit"
#: The one distribution whose name differs from that of its entry point.
CORE_DIST = "musekit-core"


@dataclass(frozen=True, kw_only=True)
class Found:
    """An entry point of the group ``musekit``, with the distribution it comes from."""

    name: str
    module: str
    dist: str
    version: str
    requires: tuple[str, ...] = ()
    fault: str = ""  #: why it may not be imported, as far as names tell

    @property
    def is_core(self) -> bool:
        """True for the core's own plugin."""
        return self.name == CORE and canonical(self.dist) == CORE_DIST


def canonical(dist: str) -> str:
    """Return a distribution's name as PEP 503 writes it: lower case, one dash."""
    return re.sub(r"[-_.]+", "-", dist).lower()


def installed() -> list[Found]:
    """Return every plugin of this environment, sorted by name and distribution.

    Two distributions that offer the same name are both returned, and both with a `Found.fault`:
    which of them is meant cannot be known, so neither is imported.
    """
    found = [_read(entry) for entry in importlib_metadata.entry_points(group=GROUP)]
    found = sorted(set(found), key=lambda each: (each.name, each.dist, each.module))
    return [_judge(each, [other for other in found if other is not each]) for each in found]


def _read(entry: importlib_metadata.EntryPoint) -> Found:
    dist = entry.dist
    return Found(
        name=entry.name,
        module=entry.value.partition(":")[0].strip(),
        dist=dist.metadata["Name"] if dist else "unknown",
        version=dist.version if dist else "0",
        requires=tuple(dist.requires or ()) if dist else (),
    )


def _judge(plugin: Found, others: Iterable[Found]) -> Found:
    twins = [other for other in others if other.name == plugin.name]
    fault = ""
    if twins and not plugin.is_core:
        names = " and ".join(
            sorted({f"{each.dist} {each.version} ({each.module})" for each in [plugin, *twins]})
        )
        fault = f"the plugin name “{plugin.name}” is taken by {names}"
    elif not plugin.is_core:
        fault = _misnamed(plugin)
    return Found(**{**plugin.__dict__, "fault": fault}) if fault else plugin


def _misnamed(plugin: Found) -> str:
    """A plugin has one name in three places; tables, settings and files are found by it."""
    expected = canonical(plugin.dist).replace("-", "_")
    package = plugin.module.partition(".")[0]
    if plugin.name != expected or package != expected:
        return (
            f"distribution {plugin.dist} must name its entry point and its package “{expected}”,"
            f" not “{plugin.name}” and “{package}”"
        )
    return ""


def plugins_dir(data_dir: Path) -> Path:
    """Return the folder of what the loader remembers."""
    return data_dir / "plugins"


def disabled(data_dir: Path, also: Iterable[str] = ()) -> set[str]:
    """Return the names of plugins not to import: those of the file, and `also`.

    The file is ``<data-dir>/plugins/disabled.json``, a JSON list. An unreadable file disables
    nothing: a damaged file must not take products away.
    """
    return {*also, *read_json(plugins_dir(data_dir) / "disabled.json", list)}


def set_disabled(data_dir: Path, name: str, off: bool) -> bool:
    """Add a name to the disabled plugins, or take it away. Returns whether that changed anything.

    It takes effect when the processes are next started.
    """
    path = plugins_dir(data_dir) / "disabled.json"
    before = set(read_json(path, list))
    after = before | {name} if off else before - {name}
    if after == before:
        return False
    write_json(path, sorted(after))
    return True


def read_json(path: Path, kind: type[Any]) -> Any:
    """Return what a JSON file holds, or an empty `kind` when it is missing or of no use."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return kind()
    return value if isinstance(value, kind) else kind()


def write_json(path: Path, value: object) -> None:
    """Replace a JSON file in one step, so that no reader ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w") as file:
        json.dump(value, file, indent=1)
    os.replace(name, path)
