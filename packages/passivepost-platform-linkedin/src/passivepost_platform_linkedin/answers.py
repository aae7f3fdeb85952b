"""What LinkedIn answers: bodies, errors and waits. Plain protocol code like `client`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

DAY = 86400
_DUPLICATE = re.compile(r"duplicate of (urn:li:[A-Za-z]+:[\w-]+)")


class ApiError(Exception):
    """LinkedIn answered with an error, or with something that is no answer.

    Args:
        status: the HTTP status.
        code: LinkedIn's word for it, such as ``EXPIRED_ACCESS_TOKEN``; empty when it gave none.
        detail: its sentence, at most 500 characters, without the token.
        wait: seconds until LinkedIn listens again, for a rate limit.
        duplicate_of: URN of the post that was posted before, for a repeat that it refuses.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        wait: float | None = None,
        duplicate_of: str | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.wait = wait
        self.duplicate_of = duplicate_of


def body_of(response: Any, token: str) -> Mapping[str, Any]:
    """Return the JSON object of a success, empty when it has no body.

    Args:
        token: taken out of what LinkedIn says about an error.

    Raises:
        ApiError: it is no success, or not what the API gives.
    """
    if response.status_code >= 300:
        raise refused(response, token)
    if not response.content:
        return {}
    fields = _fields(response)
    if fields is None:
        raise ApiError(502, "not-json", "LinkedIn's answer is not JSON")
    return fields


def refused(response: Any, token: str) -> ApiError:
    """Return the error of an answer that is none of success."""
    status, fields = response.status_code, _fields(response) or {}
    words = str(fields.get("message") or f"LinkedIn answered {status}")
    if token:
        words = words.replace(token, "…")
    found = _DUPLICATE.search(words)
    return ApiError(
        status,
        _code(fields),
        words[:500],
        wait=wait_of(response.headers) if status == 429 else None,
        duplicate_of=found[1] if found else None,
    )


def wait_of(headers: Mapping[str, str]) -> float:
    """Return the seconds to wait after a 429.

    Limits are per day, of the app and of the member, and begin anew at midnight UTC (rate limits,
    read 2026-08); LinkedIn documents no header that says so. Midnight is LinkedIn's, so the date
    of its answer counts and not our clock. Should it send Retry-After, that goes before.
    """
    try:
        return max(0.0, float(headers.get("retry-after") or ""))
    except ValueError:
        pass
    try:
        now = parsedate_to_datetime(headers.get("date") or "").timestamp()
    except ValueError:
        now = time()
    return DAY - now % DAY


def _fields(response: Any) -> Mapping[str, Any] | None:
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _code(fields: Mapping[str, Any]) -> str:
    """Return the code: at the top, or of the first fault in the input, as duplicates have it."""
    if fields.get("code"):
        return str(fields["code"])[:100]
    details = fields.get("errorDetails")
    inputs = details.get("inputErrors") if isinstance(details, dict) else None
    if isinstance(inputs, list) and inputs and isinstance(inputs[0], dict):
        return str(inputs[0].get("code") or "")[:100]
    return ""
