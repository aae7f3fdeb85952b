"""The network in a thread of this process, for tests that need its real HTTP."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from passivepost_platform_sandbox.network.app import standalone
from passivepost_platform_sandbox.network.service import Network, NetworkSettings


@dataclass(frozen=True)
class Running:
    """A network that answers at `url`."""

    url: str
    network: Network


@contextlib.contextmanager
def running(folder: Path, settings: NetworkSettings | None = None) -> Iterator[Running]:
    """Serve a network on a free port of loopback, its store in `folder`, until the end."""
    network = Network(folder / "sandbox.db", settings=settings)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(
                standalone(network),
                log_level="critical",
                lifespan="off",
                timeout_keep_alive=75,
                timeout_graceful_shutdown=1,
            )
        )
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            while not server.started:
                if not thread.is_alive():
                    raise RuntimeError("the sandbox network did not start")
                time.sleep(0.01)
            yield Running(f"http://127.0.0.1:{listener.getsockname()[1]}", network)
        finally:
            server.should_exit = True
            thread.join(10)
            network.close()
