"""A Redis of a test's own, that is stopped and started under load; its port stays the same."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis
from tests.support.deployment import wait_for

from musekit.testing.servers import ServerMissingError, free_port, redis_bin


class Redis:
    """The server: `start` it, `kill` it as a power cut does, `freeze` and `thaw` it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.program = folder, free_port(), redis_bin()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis.from_url(self.url, socket_timeout=5)
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        self._server = subprocess.Popen(
            [self.program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.folder,
             "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

        def answers() -> bool:
            with suppress(redis.ConnectionError):
                return bool(self.client.ping())
            return False

        wait_for(answers, 20, pause=0.02)

    def kill(self) -> None:
        """End it, if it runs."""
        if self._server is not None:
            self._server.send_signal(signal.SIGCONT)
            self._server.kill()
            self._server.wait(10)
            self._server = None

    def freeze(self) -> None:
        """Stop it in place: connections stay, and nothing answers."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._server is not None
        self._server.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[Redis]:
    """Give a Redis that is not started yet; skip the test where there is no program of it."""
    try:
        made = Redis(folder)
    except ServerMissingError as error:
        pytest.skip(str(error))
    try:
        yield made
    finally:
        made.client.close()
        made.kill()
