"""Who is counted: the actor, the space, or the address a request honestly comes from."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from starlette.requests import Request

from musekit.declarations import RateLimit
from musekit.kernel.actors import Actor


def scope_of(policy: RateLimit, request: Request, actor: Actor | None) -> str:
    """Return the scope that a request counts for under a policy."""
    if policy.per == "space" and actor is not None and actor.space_id is not None:
        return f"space:{actor.space_id}"
    if policy.per != "address" and actor is not None:
        return f"user:{actor.user_id or actor.name}"
    return f"address:{address_of(request)}"


def address_of(request: Request) -> str:
    """Return the network address of a request's sender.

    It is that of the connection; uvicorn has put the forwarded one in its place if, and only if,
    the connection comes from a proxy named in ``MUSEKIT_TRUSTED_PROXIES``.
    """
    return _counted(request.client.host) if request.client else "unknown"


@lru_cache(maxsize=4096)
def _counted(host: str) -> str:
    """Cut an IPv6 address to its /64: one household or server has all of those."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address.packed[:8] + bytes(8), 64)))
