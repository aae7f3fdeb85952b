"""How the network refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """A request that is not carried out.

    Args:
        status: HTTP status.
        code: for machines, such as ``invalid_token``.
        message: for people.
        extra: more members of the error object.
        headers: response headers.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        """The answer of an API call."""
        return {"error": {"code": self.code, "message": self.message, **self.extra}}

    @property
    def oauth_body(self) -> dict[str, Any]:
        """The answer of the token endpoint (RFC 6749 §5.2)."""
        return {"error": self.code, "error_description": self.message}
