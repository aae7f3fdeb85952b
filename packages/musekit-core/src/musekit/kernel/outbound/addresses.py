"""Which addresses are public: the judgement behind the outbound guard."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: IPv4 that `ipaddress` of some Python 3.11 calls global, and that is none of anybody's business.
_V4_REFUSED = [
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598); Alibaba's metadata 100.100.100.200
        "168.63.129.16/32",  # Azure's virtual host address, public by number only
        "192.0.0.0/24",  # IETF protocol assignments; Oracle's metadata 192.0.0.192
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "198.18.0.0/15",  # benchmarks
        "224.0.0.0/3",  # multicast and reserved
    )
]
#: Only what IANA hands out as global unicast can be public. This leaves out ::1, ::ffff:0:0/96,
#: 64:ff9b::/96 (NAT64), fc00::/7, fe80::/10 and every other form that hides an IPv4 address.
_V6_UNICAST = ipaddress.IPv6Network("2000::/3")
_V6_REFUSED = [
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",  # documentation (RFC 9637)
    )
]


def is_public(address: str) -> bool:
    """Return True if an address, as `getaddrinfo` writes it, is one of the public internet's."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if not ip.is_global or ip.is_multicast or ip.is_reserved or ip.is_unspecified:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return not _within(ip, _V4_REFUSED)
    # ISATAP (RFC 5214) carries IPv4 in the interface part, after 0000:5efe or 0200:5efe.
    isatap = (int(ip) >> 32) & 0xFDFFFFFF == 0x5EFE
    return not ip.scope_id and ip in _V6_UNICAST and not isatap and not _within(ip, _V6_REFUSED)


def _within(ip: Address, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return any(ip in network for network in networks)


def literal(host: str) -> Address | None:
    """Return the address a host is spelled as, in the plain spelling; None if it is a name.

    Raises:
        ValueError: an address in a spelling of old: octal, hexadecimal, decimal or short.
    """
    host = host.rstrip(".")
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        socket.inet_aton(host)
    except (OSError, ValueError):
        return None
    raise ValueError(host)
