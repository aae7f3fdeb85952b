"""What statuses of model services mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from musekit.providers import Fault, ProviderFault

#: A service's own word for an error, such as ``rate_limit_exceeded``; anything else is text.
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,60}").fullmatch


class TemperatureRefusedError(Exception):
    """The model takes no temperature; ask it again without."""


def of_status(status: int, headers: Mapping[str, str], body: bytes = b"") -> ProviderFault:
    """Return the fault that an answer with this status is."""
    kind: Fault
    if status in {401, 403}:
        kind = "unauthorized"
    elif status in {408, 409, 429} or status >= 500:
        kind = "busy"
    elif 300 <= status < 400:
        kind = "malformed"  # we follow nowhere
    else:
        kind = "rejected"
    return ProviderFault(
        kind, f"{status} {word(body)}".strip(), retry_after=_seconds(headers.get("retry-after"))
    )


def word(body: bytes) -> str:
    """Return the service's word for an error: its type or code, never its message."""
    try:
        error = json.loads(body).get("error")
        found = error.get("code") or error.get("type") if isinstance(error, dict) else ""
    except (ValueError, AttributeError, RecursionError):
        return ""
    return plain(found)


def plain(found: object) -> str:
    """Return what may be a word of the service for an error, if it is no more than a word."""
    return found if isinstance(found, str) and _WORD(found) else ""


def _seconds(value: str | None) -> float | None:
    """Read ``Retry-After`` where it is a number; dates are not used by these services."""
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86_400 else None
