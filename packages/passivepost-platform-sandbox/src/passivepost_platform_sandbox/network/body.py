"""Reading what a client sends."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request


async def read_json(request: Request) -> Any:
    """Return the JSON of a request's body.

    Raises:
        ValueError: it is none, is nested too deeply, or holds text that is no Unicode (halves of
            surrogate pairs), which neither the store nor an answer can hold.
    """
    try:
        found = await request.json()
        json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("too deeply nested") from None
    return found
