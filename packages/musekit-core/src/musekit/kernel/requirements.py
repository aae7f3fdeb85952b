"""Are a distribution's requirements met by this environment? Read from metadata, before import."""

from __future__ import annotations

import functools
import sys

import importlib_metadata
from packaging.requirements import InvalidRequirement, Requirement

from musekit.kernel.discovery import Found, canonical


def unmet(plugin: Found) -> list[str]:
    """Return a sentence for each requirement of the plugin that this environment does not meet.

    Requirements of extras and of other platforms do not count; nor are requirements of
    requirements looked at: pip has seen to them, and a plugin's own are what upgrades break.
    """
    faults = []
    for requirement in _applying(plugin):
        try:
            version = _version(requirement.name, tuple(sys.path))
        except importlib_metadata.PackageNotFoundError:
            faults.append(f"needs {requirement}, which is not installed")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            faults.append(f"needs {requirement}, but {requirement.name} is {version}")
    return faults


@functools.lru_cache(maxsize=512)
def _version(name: str, path: tuple[str, ...]) -> str:
    """Return what is installed, on this path of modules: several plugins need the same."""
    return importlib_metadata.version(name)


def needs(plugin: Found, among: dict[str, str]) -> list[str]:
    """Return which other plugins this one requires.

    Args:
        plugin: whose requirements are read.
        among: canonical distribution name → plugin name, of all plugins known.
    """
    names = (canonical(requirement.name) for requirement in _applying(plugin))
    return sorted({among[name] for name in names if name in among} - {plugin.name})


def _applying(plugin: Found) -> list[Requirement]:
    found = []
    for line in plugin.requires:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.append(requirement)
    return found
