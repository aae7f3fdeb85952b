"""An answer, read to its end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class Response:
    """An answer to an outbound request; nothing of it is still on the way.

    Attributes:
        status_code: the HTTP status.
        headers: headers; look-ups ignore case, and of repeated ones the first counts.
        content: the body, decompressed.
    """

    __slots__ = ("_charset", "content", "headers", "status_code")

    def __init__(
        self, status_code: int, headers: Mapping[str, str], content: bytes, charset: str | None
    ) -> None:
        self.status_code = status_code
        self.headers = headers
        self.content = content
        self._charset = charset

    @property
    def text(self) -> str:
        """The body as text; undecodable bytes replaced."""
        try:
            return self.content.decode(self._charset or "utf-8", "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises ValueError when it is none."""
        try:
            return json.loads(self.content)
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None

    def __repr__(self) -> str:
        return f"<Response {self.status_code}, {len(self.content)} bytes>"
