"""The platforms present in this process, collected from the platform packages."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from musekit.api import Host, InvalidError
from passivepost.sdk.capabilities import NotAvailable, OAuth
from passivepost.sdk.platform import Platform

_building = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A platform and the plugin it came from."""

    plugin: str
    platform: Platform


class Platforms:
    """The platforms by name. Where a real package and a stub offer one name, the real one wins."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._offers: dict[str, Offer] = {}
        self._stubs: dict[str, Offer] = {}
        for plugin, platform in host.registry.collect("passivepost_register_platforms", host=host):
            fault = self._fault(platform)
            if fault:
                host.registry.quarantine(plugin, "collect", fault)
                self._forget(plugin)
            elif host.registry.plugin(plugin) is not None:
                (self._stubs if platform.stub else self._offers)[platform.name] = Offer(
                    plugin=plugin, platform=platform
                )
        # A plugin quarantined later takes its platforms with it.
        host.registry.on_quarantine(self._forget)

    def _fault(self, platform: object) -> str | None:
        if not isinstance(platform, Platform):
            return f"passivepost_register_platforms gave {platform!r}, which is no Platform"
        missing = [
            each
            for each in ("name", "label", "color", "capabilities", "delivery", "connection")
            if not hasattr(platform, each)
        ]
        if missing:
            return f"platform {type(platform).__name__} lacks {', '.join(missing)}"
        other = self._offers.get(platform.name)
        if other and not platform.stub:
            return (
                f"platform “{platform.name}” is offered by {other.plugin} already; "
                "uninstall one of the two"
            )
        return None

    def _forget(self, plugin: str) -> None:
        for offers in (self._offers, self._stubs):
            for name in [name for name, each in offers.items() if each.plugin == plugin]:
                del offers[name]

    def find(self, name: str) -> Platform | None:
        """Return the platform of that name, a stub if there is nothing better, else None."""
        offer = self._offers.get(name) or self._stubs.get(name)
        return offer.platform if offer else None

    def get(self, name: str) -> Platform:
        """Return the platform of that name.

        Raises:
            InvalidError: there is none; the message lists those that are installed.
        """
        platform = self.find(name)
        if platform is None:
            names = ", ".join(each.name for each in self.all() if not each.stub) or "none"
            raise InvalidError(
                f"There is no platform “{name[:40]}” here. Installed: {names}.",
                errors=[{"field": "platform", "message": "unknown platform"}],
            )
        return platform

    def usable(self, name: str) -> Platform:
        """Return a platform that can be connected and posted to.

        Raises:
            InvalidError: it is unknown, or declared but not available yet.
        """
        platform = self.get(name)
        if platform.stub or isinstance(platform.connection, NotAvailable):
            reason = (
                platform.connection.reason if isinstance(platform.connection, NotAvailable) else ""
            )
            raise InvalidError(
                f"{platform.label} is not available yet. {reason}".rstrip(),
                errors=[{"field": "platform", "message": "not available yet"}],
            )
        return platform

    def plugin_of(self, name: str) -> str:
        """Return which plugin a platform comes from; empty for one that is not here."""
        offer = self._offers.get(name) or self._stubs.get(name)
        return offer.plugin if offer else ""

    def all(self) -> list[Platform]:
        """Return all platforms, those that can be used first, each group by label."""
        merged = {**self._stubs, **self._offers}
        return sorted(
            (offer.platform for offer in merged.values()), key=lambda each: (each.stub, each.label)
        )


def platforms_of(host: Host) -> Platforms:
    """Return the platforms of a host, collecting them at the first call."""
    try:
        found: Platforms = host.get(Platforms)
    except KeyError:
        with _building:
            try:
                found = host.get(Platforms)
            except KeyError:
                found = Platforms(host)
                host.put(Platforms, found)
    return found


def is_configured(platform: Platform) -> bool:
    """Tell whether the operator has set up what connecting needs (an OAuth client id)."""
    connection = platform.connection
    return not isinstance(connection, OAuth) or bool(connection.client_id)
