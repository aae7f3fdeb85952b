"""What the loaded plugins have declared, and which plugins are held apart, with the reason."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from musekit import declarations as d
from musekit.errors import ConfigurationError

if TYPE_CHECKING:
    from musekit.kernel.hooks import Hooks

logger = logging.getLogger(__name__)

#: Where in its life a plugin failed. ``inactive``: nothing is wrong with it, but what it builds on
#: is not there.
Phase = Literal[
    "discover", "inactive", "requirements", "migrations", "import", "register", "settings",
    "collect", "routes", "lifespan",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class LoadedPlugin:
    """A plugin that is part of this process."""

    name: str
    dist: str
    version: str
    module: str  #: dotted name of its face; `package` holds its templates and static files

    @property
    def package(self) -> str:
        """The import package, which is also the folder of its templates and static files."""
        return self.module.partition(".")[0]


@dataclass(frozen=True, kw_only=True)
class Quarantine:
    """A plugin that is kept out of this process, and why."""

    plugin: str
    dist: str
    version: str
    phase: Phase
    error: str
    advice: str

    def __str__(self) -> str:
        return (
            f"plugin “{self.plugin}” ({self.dist} {self.version}), phase {self.phase}:"
            f" {self.error}. {self.advice}"
        )


class PluginFault(ConfigurationError):
    """A plugin is at fault; raised in strict mode, and by checks while the host is built."""


@dataclass
class Contribution:
    """All that one plugin has declared, by kind (`musekit.kernel.collecting.KINDS`)."""

    items: dict[str, list[Any]] = field(default_factory=dict)
    claims: set[str] = field(default_factory=set)


class Registry:
    """What plugins declared. Filled while the host is built, then frozen.

    Only quarantine can change it afterwards: it takes a plugin's whole contribution away.
    """

    def __init__(self, hooks: Hooks, *, strict: bool = False) -> None:
        self.hooks = hooks  #: the typed façade over all hooks
        self.strict = strict
        self.plugins: list[LoadedPlugin] = []
        self.quarantined: list[Quarantine] = []
        self.disabled: list[str] = []
        self.contributions: dict[str, Contribution] = {}
        self.dependants: Mapping[str, Iterable[str]] = {}
        self.frozen = False
        self._flat: dict[str, list[Any]] = {}
        self._watchers: list[Callable[[str], None]] = []
        hooks.registry = self

    # --- what was declared ---

    @property
    def products(self) -> list[d.Product]:
        """Products customers subscribe to; one that stands in only where there is no other."""
        every: list[d.Product] = self._all("products")
        return [each for each in every if not each.stands_in] or every

    @property
    def settings(self) -> list[d.SettingsSection]:
        """Settings sections; their values are in `Host.sections`."""
        return self._all("settings")

    @property
    def permissions(self) -> list[d.Permission]:
        """Permissions, for roles and token scopes."""
        return self._all("permissions")

    @property
    def tiers(self) -> list[d.Tier]:
        """Tiers of all products, by product and rank."""
        absent = {each.key for each in self._all("products")} - {p.key for p in self.products}
        found = (tier for tier in self._all("tiers") if tier.product not in absent)
        return sorted(found, key=lambda tier: (tier.product, tier.rank))

    @property
    def jobs(self) -> dict[str, d.Job]:
        """Jobs by name."""
        return {job.name: job for job in self._all("jobs")}

    @property
    def services(self) -> list[d.WorkerService]:
        """Services that every worker process runs."""
        return self._all("services")

    @property
    def health_checks(self) -> list[d.HealthCheck]:
        """Checks of ``/readyz`` and ``musekit doctor``."""
        return self._all("health_checks")

    @property
    def commands(self) -> list[d.Command]:
        """Commands added to ``musekit``."""
        return self._all("commands")

    @property
    def navigation(self) -> list[d.NavItem]:
        """Entries of the navigation, by group and weight."""
        return sorted(self._all("navigation"), key=lambda each: (each.weight, each.label))

    @property
    def slots(self) -> list[d.Slot]:
        """Fragments for named places of pages, by weight."""
        return sorted(self._all("slots"), key=lambda each: each.weight)

    @property
    def email_templates(self) -> dict[str, d.EmailTemplate]:
        """Mails that may be sent, by key."""
        return {each.key: each for each in self._all("email_templates")}

    @property
    def webhook_events(self) -> dict[str, d.WebhookEvent]:
        """Events that webhooks may tell of, by key."""
        return {each.key: each for each in self._all("webhook_events")}

    @property
    def identity_providers(self) -> dict[str, d.IdentityProvider]:
        """Ways to sign in by another service, by key."""
        return {each.key: each for each in self._all("identity_providers")}

    @property
    def ai_providers(self) -> dict[str, d.AIProvider]:
        """Services that answer calls of language models, by key."""
        return {each.key: each for each in self._all("ai_providers")}

    @property
    def routes(self) -> list[d.RouteSet]:
        """Sets of JSON routes."""
        return self._all("routes")

    @property
    def pages(self) -> list[d.RouteSet]:
        """Sets of HTML pages."""
        return self._all("pages")

    @property
    def migrations(self) -> dict[str, d.Migrations]:
        """What each plugin's migrations own, by plugin."""
        return {
            name: each.items["migrations"][0]
            for name, each in self.contributions.items()
            if each.items.get("migrations")
        }

    def permissions_of(self, role: str) -> frozenset[str]:
        """Return the permissions that a role of a space holds (`musekit.declarations.ROLES`)."""
        if role not in d.ROLES:
            return frozenset()
        held = d.ROLES[d.ROLES.index(role) :]
        return frozenset(each.key for each in self.permissions if each.lowest_role in held)

    def plugin(self, name: str) -> LoadedPlugin | None:
        """Return the loaded plugin of that name."""
        return next((each for each in self.plugins if each.name == name), None)

    def owner_of(self, claim: str) -> str | None:
        """Return the plugin that holds a claim, such as ``job social-post``."""
        return next(
            (name for name, each in self.contributions.items() if claim in each.claims), None
        )

    def collect(self, spec: str, **arguments: Any) -> list[tuple[str, Any]]:
        """Ask all plugins a register hook of a product; see `Hooks.collect`."""
        return self.hooks.collect(spec, **arguments)

    def _all(self, kind: str) -> list[Any]:
        if kind not in self._flat:
            self._flat[kind] = [
                item for each in self.contributions.values() for item in each.items.get(kind, ())
            ]
        return list(self._flat[kind])

    # --- change ---

    def accept(self, plugin: str, addition: Contribution) -> None:
        """Add to what a plugin has contributed. Only while the host is built."""
        if self.frozen:
            raise RuntimeError("the registry is frozen: plugins are collected once, at start")
        present = self.contributions.setdefault(plugin, Contribution())
        for kind, items in addition.items.items():
            present.items.setdefault(kind, []).extend(items)
        present.claims |= addition.claims
        self._flat.clear()

    def refresh(self) -> None:
        """Read anew what was contributed; for tests that alter a declaration."""
        self._flat.clear()

    def on_quarantine(self, watcher: Callable[[str], None]) -> None:
        """Have `watcher` called with the name of each plugin quarantined from now on."""
        self._watchers.append(watcher)

    def quarantine(
        self, plugin: str, phase: Phase, error: str | BaseException, *, where: str = ""
    ) -> None:
        """Take a loaded plugin out of the process, and all plugins that build on it.

        Args:
            plugin: its name.
            phase: of its life, in which it failed.
            error: what happened.
            where: the hook that failed, if one did.

        Raises:
            PluginFault: in strict mode, and when the plugin is the core itself.
        """
        loaded = self.plugin(plugin)
        if loaded is None:
            return
        self.hold(
            Quarantine(
                plugin=loaded.name, dist=loaded.dist, version=loaded.version, phase=phase,
                error=f"{where}: {describe(error)}" if where else describe(error),
                advice=ADVICE[phase],
            ),
            cause=error if isinstance(error, BaseException) else None,
        )  # fmt: skip
        self.plugins.remove(loaded)
        self.contributions.pop(plugin, None)
        self._flat.clear()
        self.hooks.remove(plugin)
        for watcher in self._watchers:
            watcher(plugin)
        for name in self.dependants.get(plugin, ()):
            self.quarantine(name, "inactive", f"needs {plugin}, which is not active")

    def hold(self, fault: Quarantine, cause: BaseException | None = None) -> None:
        """Record a quarantine. Raises `PluginFault` in strict mode or for the core."""
        if fault.plugin == "musekit" or (self.strict and fault.phase != "inactive"):
            raise PluginFault(str(fault)) from cause
        logger.error("Plugin held: %s", fault, exc_info=cause)
        self.quarantined.append(fault)


#: What to do about a plugin that failed in a phase.
ADVICE: Mapping[Phase, str] = {
    "discover": "Uninstall one of the distributions, or ask its author to correct its names.",
    "inactive": "Nothing is lost; it comes back when what it needs is active.",
    "requirements": "Upgrade or install what it needs with pip, then restart.",
    "migrations": "Run `musekit migrate`, then restart.",
    "import": "Upgrade it, or run `musekit plugins disable` with its name, then restart.",
    "register": "Upgrade it to a version made for this one of musekit-core, then restart.",
    "settings": "Correct the setting in the environment, then restart.",
    "collect": "Upgrade it, or ask its author; everything else works without it.",
    "routes": "Upgrade it, or ask its author; everything else works without it.",
    "lifespan": "See the log for the cause, then restart.",
}


def describe(error: str | BaseException) -> str:
    """Return an error in one line, with its type where the type says something."""
    if isinstance(error, str):
        return error
    if isinstance(error, ConfigurationError):
        return str(error)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
