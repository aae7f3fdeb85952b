"""Bodies and headers of outbound requests, encoded before anything is sent."""

from __future__ import annotations

import base64
import json as jsonlib
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from multidict import CIMultiDict
from yarl import URL

from musekit.kernel.outbound.decoding import ACCEPTED
from musekit.kernel.outbound.errors import Refused

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_LINE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search
#: Headers that say where a message ends or whom it is for: ours to set, or requests could be split.
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade"}
)
_encode = jsonlib.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

Files = Mapping[str, tuple[str, bytes, str]]


def check_method(method: str) -> str:
    """Return the method in capitals; raise `Refused` if it is none."""
    if not _TOKEN(method):
        raise Refused("The request method is malformed.")
    return method.upper()


def make_headers(
    agent: str, headers: Mapping[str, str] | None, auth: tuple[str, str] | None
) -> CIMultiDict[str]:
    """Return checked request headers.

    Raises:
        Refused: a name or value could break out of its line, or the header is the transport's.
    """
    made: CIMultiDict[str] = CIMultiDict(
        {"User-Agent": agent, "Accept": "*/*", "Accept-Encoding": ACCEPTED}
    )
    for name, value in (headers or {}).items():
        if not _TOKEN(name) or _LINE(value):
            raise Refused("A request header holds characters that headers cannot carry.")
        if name.lower() in _OURS:
            raise Refused(f"The request header {name} is set by the client itself.")
        made[name] = value
    if auth is not None:
        made["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
    return made


def make_body(
    headers: CIMultiDict[str],
    json: Any,
    data: Mapping[str, str] | None,
    files: Files | None,
    content: bytes | None,
) -> bytes | None:
    """Return the body, and set its Content-Type where the caller did not.

    Raises:
        Refused: more than one kind of body, or something that cannot be encoded.
    """
    if (json is not None) + (content is not None) + (data is not None or files is not None) > 1:
        raise Refused("A request has one kind of body: json, content, or a form.")
    try:
        if json is not None:
            body, kind = _encode(json).encode(), "application/json"
        elif files is not None:
            body, kind = _multipart(data or {}, files)
            headers.pop("Content-Type", None)  # only we know the boundary
        elif data is not None:
            body, kind = urlencode(data).encode(), "application/x-www-form-urlencoded"
        elif content is not None:
            body, kind = bytes(content), "application/octet-stream"
        else:
            return None
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused(f"The request body cannot be encoded: {error}"[:300]) from None
    headers.setdefault("Content-Type", kind)
    return body


def make_head(method: str, target: URL, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """Return request line and headers. All of them are checked: none can break out of its line."""
    lines = [
        f"{method} {target.raw_path_qs} HTTP/1.1",
        f"Host: {target.host_port_subcomponent}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if body is not None or method in {"POST", "PUT", "PATCH"}:
        lines.append(f"Content-Length: {len(body or b'')}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _multipart(data: Mapping[str, str], files: Files) -> tuple[bytes, str]:
    boundary = f"musekit-{os.urandom(16).hex()}"
    pieces: list[bytes] = []
    for name, value in data.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n'
        pieces += [head.encode(), value.encode(), b"\r\n"]
    for name, (filename, content, mime) in files.items():
        if _LINE(mime):
            raise ValueError("a file's type holds control characters")
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}";'
            f' filename="{_quoted(filename)}"\r\nContent-Type: {mime}\r\n\r\n'
        )
        pieces += [head.encode(), content, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces), f"multipart/form-data; boundary={boundary}"


def _quoted(name: str) -> str:
    """Escape as browsers do (WHATWG HTML, multipart/form-data encoding algorithm)."""
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
