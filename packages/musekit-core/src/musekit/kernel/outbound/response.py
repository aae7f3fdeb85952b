"""An answer, read to its end."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)


class Response:
    """An answer to an outbound request; nothing of it is still on the way.

    Attributes:
        status_code: the HTTP status.
        headers: headers; look-ups ignore case, and of repeated ones the first counts.
        content: the body, decompressed.
    """

    __slots__ = ("content", "headers", "status_code")

    def __init__(self, status_code: int, headers: Mapping[str, str], content: bytes) -> None:
        self.status_code = status_code
        self.headers = headers
        self.content = content

    @property
    def text(self) -> str:
        """The body as text; undecodable bytes replaced."""
        named = _CHARSET.search(self.headers.get("Content-Type", ""))
        try:
            return self.content.decode(named[1] if named else "utf-8", "replace")
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
