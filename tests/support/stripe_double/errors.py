"""Refusals in Stripe's shape."""

from __future__ import annotations


class ApiError(Exception):
    """An answer that says what was wrong."""

    def __init__(self, status: int, kind: str, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "error": {"type": kind, "message": message, **({"code": code} if code else {})}
        }


def refused(message: str, code: str = "") -> ApiError:
    """Return the refusal of a request that cannot be carried out."""
    return ApiError(400, "invalid_request_error", message, code)
