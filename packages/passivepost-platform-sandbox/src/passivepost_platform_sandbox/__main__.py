"""The network as a process of its own: ``python -m passivepost_platform_sandbox --port 8900``."""

from __future__ import annotations

import argparse
from pathlib import Path

import uvicorn

from passivepost_platform_sandbox.network import Network, NetworkSettings
from passivepost_platform_sandbox.network.app import standalone


def main() -> None:
    """Serve the network until a signal."""
    parser = argparse.ArgumentParser(prog="passivepost_platform_sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8900)
    parser.add_argument("--data", type=Path, default=Path("var/sandbox"), help="folder of the file")
    parser.add_argument("--durable", type=int, default=0, help="1: fsync before each answer")
    parser.add_argument("--honour-keys", type=int, default=1, help="0: ignore idempotency keys")
    parser.add_argument("--access-seconds", type=float, default=7200)
    chosen = parser.parse_args()
    network = Network(
        chosen.data / "sandbox.db",
        settings=NetworkSettings(
            honour_keys=bool(chosen.honour_keys), access_seconds=chosen.access_seconds
        ),
        durable=bool(chosen.durable),
    )
    try:
        uvicorn.run(
            standalone(network),
            host=chosen.host,
            port=chosen.port,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_keep_alive=75,  # longer than any client keeps an idle connection
            timeout_graceful_shutdown=1,
        )
    finally:
        network.close()


if __name__ == "__main__":
    main()
