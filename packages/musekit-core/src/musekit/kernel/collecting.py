"""Collecting what plugins declare, and refusing what clashes: each plugin is taken whole or not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from musekit import declarations as d
from musekit.kernel.discovery import CORE
from musekit.kernel.registry import Contribution, Phase, PluginFault, Registry

if TYPE_CHECKING:
    from musekit.kernel.host import Host

#: Commands that are the core's own; a plugin may not take their names.
CORE_COMMANDS = frozenset({
    "up", "serve", "worker", "migrate", "plugins", "doctor", "users", "billing", "keys", "openapi",
    "new",
})  # fmt: skip
_NAME = re.compile(r"[a-z][a-z0-9]*([._-][a-z0-9]+)*( [a-z][a-z0-9-]*)?")


@dataclass(frozen=True)
class Kind:
    """A kind of declaration: who asks for it, what it must be, and what of it must be unique."""

    name: str  #: attribute of the registry
    hook: str
    type: type[Any]
    claims: Callable[[str, Any], Iterable[str]]  #: (plugin, item) → names nobody else may take


def _nothing(plugin: str, item: Any) -> Iterable[str]:
    return ()


def _named(word: str, attribute: str) -> Callable[[str, Any], Iterable[str]]:
    def claims(plugin: str, item: Any) -> Iterable[str]:
        name = getattr(item, attribute)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise PluginFault(f"{word} name {name!r} is not lower-case words joined by - . or _")
        yield f"{word} {name}"

    return claims


def _settings(plugin: str, item: d.SettingsSection) -> Iterable[str]:
    prefix = str(item.model.model_config.get("env_prefix") or "").upper()
    if not prefix.startswith(f"{plugin.upper()}_"):
        raise PluginFault(
            f"settings class {item.model.__name__} has the prefix “{prefix}”; it must begin with"
            f" “{plugin.upper()}_”"
        )
    yield f"settings {prefix}"


def _tables(plugin: str, item: d.Migrations) -> Iterable[str]:
    for table in item.tables:
        yield f"table {table}"
    for table, columns in item.core_columns.items():
        for column in columns:
            yield f"column {table}.{column}"


def _tier(plugin: str, item: d.Tier) -> Iterable[str]:
    yield f"tier {item.product} {item.key}"


def _command(plugin: str, item: d.Command) -> Iterable[str]:
    if item.name in CORE_COMMANDS and plugin != CORE:
        raise PluginFault(f"the command “{item.name}” is the core's own")
    yield from _named("command", "name")(plugin, item)


def _email_template(plugin: str, item: d.EmailTemplate) -> Iterable[str]:
    if not item.template.startswith(f"{plugin}/"):
        raise PluginFault(
            f"the mail template “{item.template}” does not lie in the plugin's own templates:"
            f" “{plugin}/…”"
        )
    yield from _named("template", "key")(plugin, item)


def _routes(plugin: str, item: d.RouteSet) -> Iterable[str]:
    from musekit.kernel.web.routes import claims

    return claims(item)


#: Asked before there is a host, for settings are among them.
PLAIN = (
    Kind("settings", "musekit_register_settings", d.SettingsSection, _settings),
    Kind("products", "musekit_register_products", d.Product, _named("product", "key")),
    Kind("migrations", "musekit_register_migrations", d.Migrations, _tables),
    Kind("permissions", "musekit_register_permissions", d.Permission, _named("permission", "key")),
    Kind("tiers", "musekit_register_tiers", d.Tier, _tier),
    Kind("jobs", "musekit_register_jobs", d.Job, _named("job", "name")),
    Kind(
        "services", "musekit_register_worker_services", d.WorkerService, _named("service", "name")
    ),
    Kind("health_checks", "musekit_register_health_checks", d.HealthCheck, _named("check", "name")),
    Kind("commands", "musekit_register_commands", d.Command, _command),
    Kind("navigation", "musekit_register_navigation", d.NavItem, _nothing),
    Kind("slots", "musekit_register_slots", d.Slot, _nothing),
    Kind(
        "email_templates", "musekit_register_email_templates", d.EmailTemplate, _email_template
    ),
    Kind(
        "webhook_events", "musekit_register_webhook_events", d.WebhookEvent,
        _named("webhook event", "key"),
    ),
)  # fmt: skip
#: Asked with the host.
WEB = (
    Kind("routes", "musekit_register_routes", d.RouteSet, _routes),
    Kind("pages", "musekit_register_pages", d.RouteSet, _routes),
    Kind(
        "identity_providers", "musekit_register_identity_providers", d.IdentityProvider,
        _named("identity provider", "key"),
    ),
    Kind(
        "ai_providers", "musekit_register_ai_providers", d.AIProvider,
        _named("AI provider", "key"),
    ),
)  # fmt: skip


def collect(registry: Registry, kinds: Iterable[Kind], host: Host | None = None) -> None:
    """Ask every loaded plugin for its declarations of some kinds, one plugin after another.

    The core is asked first, then the others in the order of loading, so that a plugin that takes
    a name of the core's is the one that is refused.
    """
    arguments = {"host": host} if host is not None else {}
    for plugin in list(registry.plugins):
        if registry.plugin(plugin.name) is not None:
            _collect_one(registry, plugin.name, tuple(kinds), arguments)


def _collect_one(
    registry: Registry, plugin: str, kinds: tuple[Kind, ...], arguments: dict[str, Any]
) -> None:
    addition = Contribution()
    for kind in kinds:
        items = [item for _, item in registry.collect(kind.hook, plugin=plugin, **arguments)]
        if registry.plugin(plugin) is None:
            return
        try:
            for item in items:
                if not isinstance(item, kind.type):
                    raise PluginFault(
                        f"gave a {type(item).__name__} where a {kind.type.__name__} is due"
                    )
                _claim(registry, plugin, addition, list(kind.claims(plugin, item)))
        except Exception as error:
            phase: Phase = "routes" if kind.type is d.RouteSet else "collect"
            registry.quarantine(plugin, phase, error, where=kind.hook)
            return
        addition.items[kind.name] = items
    registry.accept(plugin, addition)


def _claim(registry: Registry, plugin: str, addition: Contribution, claims: list[str]) -> None:
    for claim in claims:
        holder = plugin if claim in addition.claims else registry.owner_of(claim)
        if holder is not None:
            raise PluginFault(f"{claim} is already taken by plugin “{holder}”")
        addition.claims.add(claim)
