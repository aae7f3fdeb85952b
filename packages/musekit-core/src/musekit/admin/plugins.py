"""Plugins, as the operator sees them: what each is, adds and owns, and why one is held apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from musekit.admin.additions import Addition, additions_of
from musekit.admin.rules import SYSTEM
from musekit.errors import ConflictError, NotFoundError
from musekit.kernel import discovery
from musekit.kernel.discovery import Found
from musekit.kernel.host import Host
from musekit.kernel.listing import words
from musekit.kernel.migrations.lineage import discover
from musekit.kernel.migrations.ownership import Record, records
from musekit.kernel.migrations.state import current_revisions
from musekit.kernel.probe import Proofs
from musekit.kernel.registry import LoadedPlugin, Quarantine

State = Literal["active", "held", "disabled", "new", "gone"]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A plugin in the list.

    `state`: part of this process; held apart by a fault; not imported because it is disabled;
    installed since the start; not installed any more though its data is here.
    """

    name: str
    dist: str
    version: str
    state: State
    fault: Quarantine | None = None
    #: at the next start it is imported (for `disabled`), or is not (for all others)
    changes: bool = False


@dataclass(frozen=True, kw_only=True)
class Detail:
    """All that is known of one plugin."""

    shown: Shown
    module: str
    requires: Sequence[str]  #: distributions, as its metadata says
    needed_by: Sequence[str]  #: active plugins that go with it
    adds: Sequence[Addition]
    revision: str | None  #: where its tables stand; None: it keeps nothing, or is not migrated
    pending: Sequence[str]  #: revisions that `musekit migrate` would run
    owned: Mapping[str, Sequence[str]]  #: objects of the database by kind


def listed(host: Host, *, search: str = "") -> list[Shown]:
    """Return every plugin that is installed, or has left data here; by name, the core first.

    Args:
        search: part of its name, or of its distribution's.
    """
    installed = {each.name: each for each in discovery.installed()}
    held = {each.plugin: each for each in host.registry.quarantined}
    active = {each.name: each for each in host.registry.plugins}
    off = discovery.disabled(host.settings.data_dir, host.settings.disabled_plugins)
    found = []
    present: dict[str, Found | LoadedPlugin] = {**installed, **active}
    for name, each in present.items():
        state: State = (
            "active" if name in active else "held" if name in held
            else "disabled" if name in host.registry.disabled else "new"
        )  # fmt: skip
        changes = (name in off) != (state == "disabled")
        found.append(
            Shown(
                name=name, dist=each.dist, version=each.version, state=state, changes=changes,
                fault=held.get(name),
            )
        )  # fmt: skip
    found += [
        Shown(name=each.name, dist=each.distribution, version=each.version, state="gone")
        for each in _records(host).values()
        if each.name not in installed and each.name not in active
    ]
    text = words(search).casefold()
    chosen = [each for each in found if text in f"{each.name} {each.dist}".casefold()]
    return sorted(chosen, key=lambda each: (each.name != discovery.CORE, each.name))


def detail(host: Host, name: str) -> Detail:
    """Return what is known of a plugin; NotFoundError if nothing is."""
    shown = next((each for each in listed(host) if each.name == name), None)
    if shown is None:
        raise NotFoundError("No plugin of this name is installed, nor has one left data here.")
    metadata = next((each for each in discovery.installed() if each.name == name), None)
    lineage = next((each for each in discover() if each.name == name), None)
    with host.database.session(SYSTEM, readonly=True) as session:
        revision = current_revisions(session.connection()).get(name)
    pending: Sequence[str] = ()
    if lineage is not None and (revision is None or revision in _ids(lineage.revisions)):
        pending = _ids(lineage.after(revision))
    record = _records(host).get(name)
    return Detail(
        shown=shown, module=metadata.module if metadata else "",
        requires=[e for e in (metadata.requires if metadata else ()) if "extra ==" not in e],
        needed_by=sorted(host.registry.dependants.get(name, ())),
        adds=additions_of(host, name), revision=revision, pending=pending,
        owned=_owned(record) if record else {},
    )  # fmt: skip


def disable(host: Host, name: str) -> bool:
    """Do not import a plugin from the next start on; its data stays. False: it was so already.

    Raises:
        NotFoundError: it is not installed.
        ConflictError: it is the core.
    """
    if name == discovery.CORE:
        raise ConflictError("The core cannot be disabled.")
    _installed(name)
    return discovery.set_disabled(host.settings.data_dir, name, True)


def enable(host: Host, name: str) -> bool:
    """Import a plugin again from the next start on, and forget earlier failures of its import.

    Returns:
        False: it was not disabled. It is tried afresh all the same.

    Raises:
        NotFoundError: it is not installed.
        ConflictError: the environment disables it.
    """
    _installed(name)
    Proofs(host.settings.data_dir).forget(name)
    changed = discovery.set_disabled(host.settings.data_dir, name, False)
    if name in host.settings.disabled_plugins:
        raise ConflictError(
            f"MUSEKIT_DISABLED_PLUGINS names “{name}”. Take it out there, then restart."
        )
    return changed


def _installed(name: str) -> None:
    if name not in {each.name for each in discovery.installed()}:
        raise NotFoundError("No plugin of this name is installed.")


def _records(host: Host) -> Mapping[str, Record]:
    with host.database.session(SYSTEM, readonly=True) as session:
        return records(session.connection())


def _owned(record: Record) -> dict[str, list[str]]:
    return {kind: record.names(kind) for kind in sorted(record.objects) if record.names(kind)}


def _ids(revisions: Iterable[Any]) -> list[str]:
    return [each.id for each in revisions]
