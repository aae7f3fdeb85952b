"""What a call out may end in, beside an answer."""

from __future__ import annotations

import socket
import ssl


class NotSent(Exception):
    """No byte of the request was written: the name did not resolve, nobody listened, TLS failed."""


class Refused(NotSent):
    """The guard does not let this request out. Trying again does not help."""


class Interrupted(Exception):
    """The request was written at least in part and no whole answer came: outcome unknown."""


class TooLarge(Interrupted):
    """The answer is larger than the limit; the request was carried out as far as we know."""


def why(error: BaseException) -> str:
    """Say what went wrong, in words that hold no part of the address but its host."""
    if isinstance(error, Interrupted):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "the name does not resolve"
    if isinstance(error, ssl.SSLError):  # a certificate that is not trusted is one of them
        return "no secure connection (TLS)"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
