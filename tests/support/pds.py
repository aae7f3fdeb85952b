"""A real Bluesky PDS on loopback, installed from npm, started and stopped by the suite.

Installed once per machine below the user's cache folder (374 MB, two minutes); its accounts live
in a temporary folder and end with it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.support import npm
from tests.support.npm import PeerMissingError

from musekit.testing.servers import free_port

PACKAGES = ("@atproto/pds@0.5.35", "@did-plc/server@0.0.1")
RUNNER = Path(__file__).with_name("pds.mjs")

__all__ = ["Pds", "PeerMissingError", "installed", "running"]


@dataclass(frozen=True)
class Pds:
    """A running server and one account on it."""

    url: str
    plc_url: str
    handle: str
    did: str
    password: str
    app_password: str

    def records(self) -> list[dict[str, object]]:
        """Return the account's posts as the server holds them, newest first."""
        answer = httpx.get(
            f"{self.url}/xrpc/com.atproto.repo.listRecords",
            params={"repo": self.did, "collection": "app.bsky.feed.post", "limit": "100"},
        )
        answer.raise_for_status()
        return list(answer.json()["records"])


def installed() -> tuple[Path, Path]:
    """Return the folder of the server's packages and the path of its Node; install at need.

    Raises:
        PeerMissingError: no npm, or the registry does not answer.
    """
    with npm.cache() as cache:
        binary, server = npm.node(cache), cache / "pds"  # PDS 0.5 needs Node 22
        server.mkdir(exist_ok=True)
        if not (server / "complete").exists():
            environment = {
                "PATH": f"{binary.parent}:{os.environ['PATH']}",
                "npm_config_nodedir": str(binary.parent.parent),
            }
            npm.install(server, ["--omit=dev", *PACKAGES], environment)
            if not list(server.glob("node_modules/better-sqlite3/build/Release/*.node")):
                npm.run(["npm", "rebuild", "better-sqlite3"], server, environment)
            (server / "complete").touch()
    return server, binary


@contextlib.contextmanager
def running(port: int = 0, *, announced: int = 0) -> Iterator[Pds]:
    """Run the server with an account ``alice.test`` and an app password.

    Args:
        port: it listens on; 0 takes a free one.
        announced: port of a proxy before it, which its accounts' documents name in place of `port`.
    """
    server, node = installed()
    port, plc_port = port or free_port(), free_port()
    announced = announced or port
    url = f"http://localhost:{announced}"
    with tempfile.TemporaryDirectory(prefix="musekit-pds-") as folder:
        for name in ("data", "blobs"):
            Path(folder, name).mkdir()
        process = subprocess.Popen(
            [node, RUNNER],
            cwd=server,
            env={
                **os.environ,
                **_environment(folder, announced, plc_port),
                "PDS_LISTEN_PORT": str(port),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _await(f"http://localhost:{port}", process)
            yield _account(url, plc_port)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def _environment(folder: str, port: int, plc_port: int) -> dict[str, str]:
    return {
        "NODE_ENV": "development",
        "LOG_ENABLED": "false",
        "PLC_PORT": str(plc_port),
        "PDS_HOSTNAME": "localhost",
        "PDS_PORT": str(port),
        "PDS_DEV_MODE": "true",
        "PDS_DATA_DIRECTORY": f"{folder}/data",
        "PDS_BLOBSTORE_DISK_LOCATION": f"{folder}/blobs",
        "PDS_DID_PLC_URL": f"http://localhost:{plc_port}",
        "PDS_JWT_SECRET": secrets.token_hex(16),
        "PDS_ADMIN_PASSWORD": secrets.token_hex(16),
        "PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": "11" * 32,
        "PDS_INVITE_REQUIRED": "false",
        "PDS_SERVICE_HANDLE_DOMAINS": ".test",
        "PDS_BLOB_UPLOAD_LIMIT": "5242880",
        "PDS_RATE_LIMITS_ENABLED": "false",
        "PDS_ENABLE_DID_DOC_WITH_SESSION": "true",
    }


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the PDS ended at start with status {process.returncode}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/xrpc/_health").status_code == 200:
                return
        time.sleep(0.2)
    raise RuntimeError("the PDS did not answer within 60 s")


def _account(url: str, plc_port: int) -> Pds:
    password = secrets.token_hex(8)
    with httpx.Client(base_url=f"{url}/xrpc/") as http:
        made = http.post(
            "com.atproto.server.createAccount",
            json={"email": "alice@example.test", "handle": "alice.test", "password": password},
        )
        made.raise_for_status()
        account = made.json()
        app = http.post(
            "com.atproto.server.createAppPassword",
            json={"name": "suite"},
            headers={"Authorization": f"Bearer {account['accessJwt']}"},
        )
        app.raise_for_status()
    return Pds(
        url=url,
        plc_url=f"http://localhost:{plc_port}",
        handle="alice.test",
        did=account["did"],
        password=password,
        app_password=app.json()["password"],
    )
