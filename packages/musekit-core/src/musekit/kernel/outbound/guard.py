"""The guard of outbound calls: only public addresses, or exactly what the operator allowed.

A name is resolved once; every answer must be public; the connection goes to the checked address
with the original name in SNI and ``Host``. Redirects are never followed, so there is no second
address. There is no switch to turn the guard off.
"""

from __future__ import annotations

import errno
import re
import socket
from typing import Any

from yarl import URL

from musekit.errors import ConfigurationError
from musekit.kernel.outbound.addresses import is_public, literal
from musekit.kernel.outbound.errors import Refused

#: Ports a public address may be called on; any other is allowed as exact host:port.
PORTS = {"http": 80, "https": 443}
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")


class Guard:
    """Decides where calls may go.

    Args:
        allow: exact ``host:port`` pairs (``[::1]:8000`` for IPv6) that may be called though their
            address is not public or their port unusual.

    Raises:
        ConfigurationError: an entry is not ``host:port``.
    """

    def __init__(self, allow: list[str] | tuple[str, ...] = ()) -> None:
        self._allowed: set[tuple[str, int]] = set()
        for entry in allow:
            host, _, port = entry.strip().rpartition(":")
            if not host or not port.isdigit() or "/" in host:
                raise ConfigurationError(
                    f"MUSEKIT_OUTBOUND_ALLOW: “{entry}” is not host:port, such as blog.lan:8080"
                )
            self.allow(host.strip("[]"), int(port))

    def allow(self, host: str, port: int) -> None:
        """Let calls reach exactly this host and port."""
        self._allowed.add((_plain(host), port))

    def allows(self, host: str, port: int) -> bool:
        """Return True if exactly this host and port were allowed."""
        return (_plain(host), port) in self._allowed

    def check(self, url: str) -> URL:
        """Return the parsed address of a call, after judging all that can be judged unresolved.

        Raises:
            Refused: the address is malformed, carries a password, is neither http nor https, has
                an unusual port, or is spelled as a number that is not public.
        """
        if _UNSAFE.search(url):
            raise Refused("The address holds a space, a control character or a backslash.")
        try:
            parsed = URL(url)
            host, port = parsed.raw_host, parsed.port
        except ValueError:
            raise Refused("The address is malformed.") from None
        if parsed.scheme not in PORTS or not host or not port:
            raise Refused("Only http and https addresses with a host can be called.")
        if parsed.raw_user is not None or parsed.raw_password is not None:
            raise Refused("An address must not carry a user name or password.")
        if self._allowed and self.allows(host, port):
            return parsed
        if port != PORTS[parsed.scheme]:
            raise Refused(f"Port {port} of {host} may not be called. {_ADVICE}")
        try:
            address = literal(host)
        except ValueError:
            raise Refused(f"{host} is an address in an unusual spelling.") from None
        if address is not None and not is_public(str(address)):
            raise Refused(f"{host} is not a public address. {_ADVICE}")
        return parsed

    def check_answers(self, host: str, port: int, answers: list[str]) -> None:
        """Judge what a name resolved to: one private answer spoils all of them.

        Raises:
            Refused: an answer is not public, and this host and port were not allowed.
        """
        if self.allows(host, port):
            return
        for answer in answers:
            if not is_public(answer):
                raise Refused(f"{host} leads to an address that is not public. {_ADVICE}")


_ADVICE = "If it is meant to be reached, the operator adds host:port to MUSEKIT_OUTBOUND_ALLOW."


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


def guarded_socket(guard: Guard, target: tuple[str, int], info: tuple[Any, ...]) -> socket.socket:
    """Make the socket of one connection, after a last look at the address it will go to.

    A second wall: whatever way an address took through the HTTP library, it ends here.

    Raises:
        OSError: the address may not be called.
    """
    family, kind, proto, _, address = info
    if not is_public(address[0]) and not guard.allows(*target):
        raise PermissionError(errno.EACCES, "the address is not public")
    return socket.socket(family=family, type=kind, proto=proto)
