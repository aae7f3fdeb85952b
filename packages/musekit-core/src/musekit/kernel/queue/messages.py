"""Messages of the queue: JSON with a job's name and ids, and nothing that could run code."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from musekit.kernel.queue.jobs import Scalar

#: Bytes of the largest message. Ids need a few hundred.
LIMIT = 16_384
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}").fullmatch


class MessageError(ValueError):
    """What lies in the queue is no message of ours. It says why, without repeating it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A bell: run this job for these ids. It may come twice, late, or never."""

    name: str
    ids: Mapping[str, Scalar] = field(default_factory=dict)
    attempt: int = 1

    def next_attempt(self) -> Message:
        """Return the message of the first or next retry."""
        return replace(self, attempt=self.attempt + 1)

    def encode(self) -> bytes:
        """Return the message as JSON. Raises `MessageError` when it is too large."""
        body = {"v": 1, "job": self.name, "ids": dict(self.ids), "attempt": self.attempt}
        data = json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
        if len(data) > LIMIT:
            raise MessageError(f"a message of {len(data)} bytes: send ids, not content")
        return data


def make_message(name: str, ids: Mapping[str, Any]) -> Message:
    """Make a message; UUIDs become text.

    Raises:
        TypeError: an id is no JSON scalar.
        ValueError: the name is not one of a job (lower case, digits, dots, dashes).
    """
    if not _NAME(name):
        raise ValueError(f"“{name}” is not the name of a job")
    plain: dict[str, Scalar] = {}
    for key, value in ids.items():
        if isinstance(value, UUID):
            plain[key] = str(value)
        elif value is None or isinstance(value, (str, int, float, bool)):
            plain[key] = value
        else:
            raise TypeError(f"{key}={type(value).__name__}: messages carry ids only")
    return Message(name=name, ids=plain)


def decode(data: bytes) -> Message:
    """Read a message written by anybody who can write to the store.

    Raises:
        MessageError: it is too large, no JSON, or not of our shape. Pickles end here, unopened.
    """
    if len(data) > LIMIT:
        raise MessageError(f"{len(data)} bytes, more than {LIMIT}")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise MessageError("no JSON") from None
    if not isinstance(body, dict) or body.get("v") != 1:
        raise MessageError("not of this version's shape")
    name, ids, attempt = body.get("job"), body.get("ids"), body.get("attempt")
    if not isinstance(name, str) or not _NAME(name):
        raise MessageError("no name of a job")
    if type(attempt) is not int or not 1 <= attempt <= 1000:
        raise MessageError("no count of attempts")
    if not isinstance(ids, dict) or any(isinstance(each, (dict, list)) for each in ids.values()):
        raise MessageError("ids that are no scalars")
    return Message(name=name, ids=ids, attempt=attempt)
