"""What a call out may end in, beside an answer."""

from __future__ import annotations


class NotSent(Exception):
    """No byte of the request was written: the name did not resolve, nobody listened, TLS failed."""


class Refused(NotSent):
    """The guard does not let this request out. Trying again does not help."""


class Interrupted(Exception):
    """The request was written at least in part and no whole answer came: outcome unknown."""


class TooLarge(Interrupted):
    """The answer is larger than the limit; the request was carried out as far as we know."""
