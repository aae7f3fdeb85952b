"""Pictures, and a file server on loopback to fetch them from."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.support.asgi import serve


def png(color: bytes = b"\xff\0\0") -> bytes:
    """Return a picture of 2 × 2 points."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + color * 2) * 2)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@dataclass
class FileServer:
    """Files by path, and how often each was fetched."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    def add(self, path: str, data: bytes) -> str:
        """Offer a file; return its address."""
        self.files[path] = data
        return self.url + path

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        self.fetched.append(path)
        if path not in self.files:
            return Response("gone", 404)
        return Response(self.files[path], media_type="image/png")


@contextmanager
def file_server() -> Iterator[FileServer]:
    """Serve files on a free port of 127.0.0.1."""
    server = FileServer()
    with serve(Starlette(routes=[Route("/{path:path}", server.answer)])) as server.url:
        yield server
