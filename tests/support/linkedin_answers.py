"""Answers as LinkedIn words them, for its double.

Recorded in 2023-02 (superface) and 2026-05 (Nango), or quoted in public issue threads of 2026.
"""

from __future__ import annotations

from passivepost.testing import Answer


def error(status: int, code: str, message: str) -> Answer:
    """An error as LinkedIn words it."""
    body = {"status": status, "message": message, **({"code": code} if code else {})}
    return Answer(status, body, {"x-restli-error-response": "true"})


def unauthorized(code: str, number: int) -> Answer:
    body = {"status": 401, "serviceErrorCode": number, "code": code, "message": "Not accepted"}
    return Answer(401, body)


def throttled(headers: dict[str, str]) -> Answer:
    words = "Resource level throttle APPLICATION_AND_MEMBER DAY limit is reached"
    return Answer(429, {"status": 429, "code": "TOO_MANY_REQUESTS", "message": words}, headers)


def duplicate(urn: str) -> Answer:
    """The refusal of a repeat, as Nango recorded it (2026-05)."""
    fault = {"description": "Duplicate post is detected", "input": {}, "code": "DUPLICATE_POST"}
    body = {
        "errorDetailType": "com.linkedin.common.error.BadRequest",
        "message": f"Validation failed: Content is a duplicate of {urn}",
        "errorDetails": {"inputErrors": [fault]},
        "status": 422,
    }
    return Answer(422, body)
