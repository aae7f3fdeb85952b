"""What a plugin adds to the host, in words: read from what it has declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from fastapi.routing import iter_route_contexts

from musekit.kernel.host import Host


class Addition(NamedTuple):
    """What it adds of one kind."""

    label: str
    names: Sequence[str]


def additions_of(host: Host, plugin: str) -> list[Addition]:
    """Return what an active plugin adds, kind by kind; nothing for one that is not active."""
    contribution = host.registry.contributions.get(plugin)
    if contribution is None:
        return []
    found = []
    for kind, (label, names) in _KINDS.items():
        items = contribution.items.get(kind, ())
        listed = sorted({name for item in items for name in names(item)})
        if listed:
            found.append(Addition(label, listed))
    return found


def _routes(item: Any) -> Iterable[str]:
    for context in iter_route_contexts(item.router.routes):
        for method in sorted((context.methods or {"GET"}) - {"HEAD"}):
            yield f"{method} {item.prefix}{context.path}"


def _of(*attributes: str) -> Callable[[Any], Iterable[str]]:
    def names(item: Any) -> Iterable[str]:
        yield " · ".join(str(getattr(item, each)) for each in attributes)

    return names


def _settings(item: Any) -> Iterable[str]:
    prefix = str(item.model.model_config.get("env_prefix") or "")
    for name in item.model.model_fields:
        yield f"{prefix}{name}".upper()


def _tables(item: Any) -> Iterable[str]:
    yield from item.tables
    for table, columns in item.core_columns.items():
        yield from (f"{table}.{column}" for column in columns)


_KINDS: dict[str, tuple[str, Callable[[Any], Iterable[str]]]] = {
    "products": ("Products", _of("name")),
    "tiers": ("Tiers", _of("product", "label")),
    "pages": ("Pages", _routes),
    "routes": ("JSON routes", _routes),
    "navigation": ("Menu entries", _of("label", "href")),
    "slots": ("Fragments of pages", _of("place")),
    "jobs": ("Jobs", _of("name")),
    "services": ("Worker services", _of("name")),
    "permissions": ("Permissions", _of("key")),
    "settings": ("Settings", _settings),
    "health_checks": ("Health checks", _of("name")),
    "commands": ("Commands", _of("name")),
    "email_templates": ("Mails", _of("key")),
    "webhook_events": ("Webhook events", _of("key")),
    "identity_providers": ("Ways to sign in", _of("key")),
    "ai_providers": ("AI services", _of("key")),
    "migrations": ("Tables and columns", _tables),
}
