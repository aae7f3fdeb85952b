"""Loading plugins, each guarded: a plugin at fault is held with the reason, the others work.

The order is: find (metadata) → deny-list → requirements → migrations → trial in a child process →
import → register. Everything before the import works on metadata and files, so a plugin that is
switched off or not migrated is never imported. Contributions are collected afterwards
(`musekit.kernel.collecting`).
"""

from __future__ import annotations

import faulthandler
import importlib
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from graphlib import CycleError, TopologicalSorter
from types import ModuleType
from typing import TYPE_CHECKING

import pluggy

from musekit import hookspecs
from musekit.kernel import discovery, requirements
from musekit.kernel.advice import Fault
from musekit.kernel.discovery import CORE, Found
from musekit.kernel.hooks import Hooks
from musekit.kernel.probe import Proofs, trial
from musekit.kernel.registry import (
    ADVICE,
    LoadedPlugin,
    Phase,
    PluginFault,
    Quarantine,
    Registry,
    describe,
)

if TYPE_CHECKING:
    from musekit.kernel.settings import CoreSettings

logger = logging.getLogger(__name__)

#: A plugin's face may name further modules with hooks, so that each feature has its own.
FEATURES = "musekit_features"


def load(
    settings: CoreSettings,
    *,
    plugins: Sequence[str] | None = None,
    strict: bool = False,
    unmigrated: Mapping[str, Fault] | None = None,
) -> Registry:
    """Load the installed plugins.

    Args:
        settings: data directory, deny-list and time limit.
        plugins: load only these (and the core); None: all.
        strict: raise on the first fault instead of holding the plugin.
        unmigrated: plugin name → why its schema does not fit its code, and what to do; these are
            not imported.

    Raises:
        PluginFault: the core itself cannot be loaded, or `strict`.
    """
    return _Loading(settings, strict, unmigrated or {}).run(plugins)


class ProductMissing(PluginFault):
    """A plugin implements hooks of a product that is not part of this process."""


class _Loading:
    def __init__(
        self, settings: CoreSettings, strict: bool, unmigrated: Mapping[str, Fault]
    ) -> None:
        self.settings = settings
        self.strict = strict
        self.unmigrated = unmigrated
        self.manager = pluggy.PluginManager("musekit")
        self.manager.add_hookspecs(hookspecs)
        self.manager.hook.musekit_addhooks.call_historic(kwargs={"pluginmanager": self.manager})
        self.registry = Registry(Hooks(self.manager), strict=strict)
        self.needs: dict[str, list[str]] = {}
        self.out: dict[str, str] = {}  #: name → why it is not active

    def run(self, only: Sequence[str] | None) -> Registry:
        found = [
            each
            for each in discovery.installed()
            if only is None or each.name in only or each.is_core
        ]
        self._map_needs(found)
        ready = [each for each in self._in_order(found) if self._fit(each)]
        self._try_out(ready)
        modules = [
            (each, module)
            for each in ready
            if each.name not in self.out and (module := self._import(each)) is not None
        ]
        # Those that add hooks come first, so that a faulty implementation of such a hook is its
        # own plugin's failure, not that of the plugin which declares the hook.
        modules.sort(
            key=lambda pair: (not pair[0].is_core, not hasattr(pair[1], "musekit_addhooks"))
        )
        for plugin, module in modules:
            self._register(plugin, module)
        # What others build on comes first, so that it is not the one refused when names clash.
        order = [each.name for each in ready]
        self.registry.plugins.sort(key=lambda each: order.index(each.name))
        return self.registry

    # --- before the import ---

    def _map_needs(self, found: list[Found]) -> None:
        by_dist = {discovery.canonical(each.dist): each.name for each in found}
        self.needs = {
            each.name: [need for need in requirements.needs(each, by_dist) if need != CORE]
            for each in found
        }
        dependants: dict[str, list[str]] = {}
        for name, needed in self.needs.items():
            for need in needed:
                dependants.setdefault(need, []).append(name)
        self.registry.dependants = dependants

    def _in_order(self, found: list[Found]) -> list[Found]:
        """The core, then what others need, then the rest, by name."""
        try:
            order = list(TopologicalSorter(self.needs).static_order())
        except CycleError:
            order = []
        depth: dict[str, int] = {}
        for name in order:
            depth[name] = 1 + max((depth[need] for need in self.needs.get(name, ())), default=0)
        return sorted(
            found, key=lambda each: (not each.is_core, depth.get(each.name, 0), each.name)
        )

    def _fit(self, plugin: Found) -> bool:
        """Say whether a plugin may be imported, judging by metadata and files."""
        disabled = discovery.disabled(self.settings.data_dir, self.settings.disabled_plugins)
        if plugin.name in disabled and not plugin.is_core:
            self.registry.disabled.append(plugin.name)
            self.out[plugin.name] = "disabled"
        elif plugin.fault:
            self._hold(plugin, "discover", plugin.fault)
        elif self._inactive(plugin):
            pass
        elif unmet := requirements.unmet(plugin):
            missing = all("not installed" in each for each in unmet)
            self._hold(plugin, "inactive" if missing else "requirements", "; ".join(unmet))
        elif plugin.name in self.unmigrated and not plugin.is_core:
            self._hold(plugin, "migrations", self.unmigrated[plugin.name])
        return plugin.name not in self.out

    def _inactive(self, plugin: Found) -> bool:
        for need in self.needs[plugin.name]:
            if need in self.out:
                self._hold(plugin, "inactive", f"needs {need}, which is not active")
                return True
        return False

    def _try_out(self, ready: list[Found]) -> None:
        """Import what has never been imported here in a child process first."""
        self.proofs = Proofs(self.settings.data_dir)
        if self.strict:
            return
        for each in ready:
            if self.proofs.doubted(each):
                self._hold(each, "import", "importing it has ended this process repeatedly")
        unproven = [
            each
            for each in ready
            if not each.is_core and each.name not in self.out and not self.proofs.proven(each)
        ]
        faults = trial(unproven, self.settings.plugin_import_seconds)
        for each in unproven:
            if each.name in faults:
                self._hold(each, "import", faults[each.name])
            else:
                self.proofs.record(each)

    # --- import and registration ---

    def _import(self, plugin: Found) -> ModuleType | None:
        if self._inactive(plugin):
            return None
        try:
            if plugin.is_core or self.strict:
                return importlib.import_module(plugin.module)
            with self.proofs.importing(plugin), self._time_limit():
                return importlib.import_module(plugin.module)
        except (Exception, SystemExit) as error:  # pytest's Failed and the like included
            self._hold(plugin, "import", error)
            return None

    @contextmanager
    def _time_limit(self) -> Iterator[None]:
        """End the process, with a trace, when an import hangs that passed its trial.

        The supervisor starts it again, and by the note left behind the plugin is tried afresh.
        """
        try:
            faulthandler.dump_traceback_later(
                4 * self.settings.plugin_import_seconds,
                exit=True,
                file=sys.__stderr__ or sys.stderr,
            )
        except (RuntimeError, ValueError, OSError, AttributeError):
            yield  # there is no stream to write a trace to
            return
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _register(self, plugin: Found, module: ModuleType) -> None:
        if self._inactive(plugin):
            return
        try:
            self._add(plugin.name, module)
            for feature in getattr(module, FEATURES, ()):
                name = f"{plugin.name}.{feature.removeprefix(plugin.name + '.')}"
                self._add(name.removesuffix(".plugin"), importlib.import_module(feature))
        except (Exception, SystemExit) as error:
            self.registry.hooks.remove(plugin.name)
            self._hold(
                plugin, "inactive" if isinstance(error, ProductMissing) else "register", error
            )
            return
        self.registry.plugins.append(
            LoadedPlugin(
                name=plugin.name, dist=plugin.dist, version=plugin.version, module=plugin.module
            )
        )

    def _add(self, name: str, module: ModuleType) -> None:
        """Register one module, then look for what pluggy lets pass: hooks that nobody declares."""
        self.manager.register(module, name=name)
        callers = self.manager.get_hookcallers(module) or []
        for caller in callers:
            for implementation in caller.get_hookimpls():
                if implementation.plugin_name != name:
                    continue
                if not caller.has_spec() and not implementation.optionalhook:
                    self._no_such_hook(caller.name)
                if implementation.hookwrapper or implementation.wrapper:
                    raise PluginFault(f"{caller.name} is a hook wrapper; those are not supported")

    def _no_such_hook(self, hook: str) -> None:
        active = [CORE, *(each.name for each in self.registry.plugins)]
        if any(hook.startswith(f"{name}_") for name in active):
            raise PluginFault(f"there is no hook {hook}")
        product = hook.partition("_register_")[0].partition("_on_")[0].partition("_resolve_")[0]
        raise ProductMissing(f"needs {product}, which declares {hook} and is not active")

    def _hold(self, plugin: Found, phase: Phase, error: str | BaseException) -> None:
        advice = ADVICE[phase]
        if isinstance(error, Fault):
            advice = error.cure
            error = error.cause.removesuffix(".")
        self.out[plugin.name] = describe(error)
        self.registry.hold(
            Quarantine(
                plugin=plugin.name, dist=plugin.dist, version=plugin.version, phase=phase,
                error=describe(error), advice=advice,
            ),
            cause=error if isinstance(error, BaseException) else None,
        )  # fmt: skip
