"""A platform that says of itself that it is not available yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from passivepost.api import Capabilities, Delivery, NotAvailable, Platform


@dataclass(frozen=True, kw_only=True)
class OAuthShape:
    """How the network's sign-in will look: for the page of set-up, and for whoever writes it."""

    authorize_url: str
    token_url: str
    scopes: tuple[str, ...]
    pkce: bool = False
    extra_params: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Network:
    """A declared network.

    Args:
        reason: why it cannot be connected, for people.
        oauth: None where people paste an address instead.
        delivery: idempotency and duplicates as the network has them; read-back and refresh as
            this package offers them: not at all.
    """

    name: str
    label: str
    color: str
    icon: str
    reason: str
    capabilities: Capabilities
    delivery: Delivery
    oauth: OAuthShape | None


class StubPlatform(Platform):
    """Offers nothing: it cannot be connected, so nothing can be scheduled to it."""

    stub: ClassVar[bool] = True
    oauth: OAuthShape | None = None


def make_stub(network: Network) -> StubPlatform:
    """Return the platform object of a declared network."""
    kind = type(
        f"{network.name.capitalize()}Stub",
        (StubPlatform,),
        {
            "__doc__": f"{network.label}, declared. {network.reason}",
            "name": network.name,
            "label": network.label,
            "color": network.color,
            "icon": network.icon,
        },
    )
    stub: StubPlatform = kind()
    stub.capabilities, stub.delivery = network.capabilities, network.delivery
    stub.connection = NotAvailable(reason=network.reason)
    stub.oauth = network.oauth
    return stub
