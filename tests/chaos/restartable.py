"""A PostgreSQL server of a test's own, durable, that is stopped and started under load."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from musekit.testing.servers import _await, _unprivileged, free_port, postgres_bin


class Server:
    """The server: `start`, and three ways to end it. Its folder and port stay the same."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.programs = folder, free_port(), postgres_bin()
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"
        self._user = _unprivileged()
        self._environment = {**os.environ, "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        folder.chmod(0o755)
        if self._user:
            shutil.chown(folder, self._user)
        self._run("initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8",
                  "--locale=C.UTF-8", "--no-sync")  # fmt: skip
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def _as(self) -> dict[str, object]:
        if not self._user:
            return {}
        return {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid, "extra_groups": []}

    def _run(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [str(self.programs / program), *map(str, arguments)], check=True, capture_output=True,
            cwd=self.folder, env=self._environment, **self._as,
        )  # fmt: skip

    def start(self) -> None:
        """Start it, with fsync and synchronous commits on, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [str(self.programs / "postgres"), "-D", str(self.folder / "data"), "-h",
                 "127.0.0.1", "-p", str(self.port), "-k", str(self.folder),
                 "-c", "max_connections=200"],
                stdout=log, stderr=log, cwd=self.folder, env=self._environment, **self._as,
            )  # fmt: skip
        probe = [str(self.programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port)]
        _await(self.port, self._server, "PostgreSQL", probe=probe)

    def stop(self, how: str) -> None:
        """End it: ``fast`` and ``immediate`` as pg_ctl does; ``kill``: every process by SIGKILL."""
        assert self._server is not None
        signals = {
            "fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL,
        }  # fmt: skip
        children = _children(self._server.pid) if how == "kill" else []
        self._server.send_signal(signals[how])
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self._server.wait(60)

    def close(self) -> None:
        """End it for good."""
        if self._server is not None and self._server.poll() is None:
            self.stop("immediate")


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """Run a server; take its folder away at the end."""
    folder = Path(tempfile.mkdtemp(prefix="musekit-chaos-pg-"))
    try:
        made = Server(folder)
        try:
            made.start()
            yield made
        finally:
            made.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
