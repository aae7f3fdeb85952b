"""Static files of the core and the plugins, at ``/-/static/<package>/…?v=<hash>``.

A URL carries the hash of the file's content, so browsers may keep it for ever and an upgrade shows
at once. Files are few and small: they are read once, compressed once, and served from memory.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

PREFIX = "/-/static"
IMMUTABLE = "public, max-age=31536000, immutable"
COMPRESSIBLE = (".css", ".js", ".mjs", ".svg", ".json", ".txt", ".map")
#: Python's table lacks or differs in these by platform.
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css",
         ".svg": "image/svg+xml", ".woff2": "font/woff2", ".webmanifest": "application/manifest+json"}  # fmt: skip # noqa: E501


@dataclass(frozen=True)
class Asset:
    """A file in memory."""

    stamp: tuple[int, int]  #: size and modification time, to notice an edit in development
    version: str
    type: str
    body: bytes
    compressed: bytes | None


class Assets:
    """The static files of all packages, by package name."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = {name: path.resolve() for name, path in folders.items()}
        self._known: dict[tuple[str, str], Asset] = {}
        self._lock = threading.Lock()

    def url(self, package: str, path: str) -> str:
        """Return the address of a file, with the hash of its content.

        Raises:
            LookupError: there is no such file; a template names it wrongly.
        """
        asset = self.get(package, path)
        if asset is None:
            raise LookupError(f"no static file {path!r} in package {package!r}")
        return f"{PREFIX}/{package}/{path}?v={asset.version}"

    def get(self, package: str, path: str) -> Asset | None:
        """Return a file, or None if there is none or the path leads out of the folder."""
        folder = self._folders.get(package)
        parts = PurePosixPath(path).parts
        if folder is None or "\0" in path or ".." in parts or "/".join(parts) != path:
            return None
        file = folder.joinpath(*parts)
        try:
            if not file.resolve().is_relative_to(folder) or not file.is_file():
                return None
            stat = file.stat()
            stamp = (stat.st_size, stat.st_mtime_ns)
            known = self._known.get((package, path))
            if known is None or known.stamp != stamp:
                known = _read(file, stamp)
                with self._lock:
                    self._known[package, path] = known
        except OSError:
            return None
        return known

    def serve(self, request: Request) -> Response:
        """Answer a request for ``/-/static/{package}/{path}``."""
        asset = self.get(request.path_params["package"], request.path_params["path"])
        if asset is None:
            return PlainTextResponse("There is no such file.", status_code=404)
        etag = f'"{asset.version}"'
        # Without the right hash the file may change under this address: ask each time.
        # Vendored files carry their version in the path.
        named = request.query_params.get("v") == asset.version or (
            request.path_params["path"].startswith("vendor/")
        )
        headers = {
            "cache-control": IMMUTABLE if named else "no-cache",
            "etag": etag,
            "vary": "accept-encoding",
            "content-type": asset.type,
        }
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        body = asset.body
        if asset.compressed and "gzip" in request.headers.get("accept-encoding", ""):
            body = asset.compressed
            headers["content-encoding"] = "gzip"
        return Response(body, headers=headers)


def _read(file: Path, stamp: tuple[int, int]) -> Asset:
    body = file.read_bytes()
    kind = TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0]
    kind = kind or "application/octet-stream"
    if kind.startswith("text/") or kind == "image/svg+xml":
        kind += "; charset=utf-8"
    compressed = gzip.compress(body, 9, mtime=0) if file.suffix in COMPRESSIBLE else None
    return Asset(stamp, hashlib.sha256(body).hexdigest()[:12], kind, body, compressed)
