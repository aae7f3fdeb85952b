"""What takes long to make and never changes is made once per run, for all processes of the run."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest


def folder(factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all processes of this run have in common."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # each process has a folder of its own in that of the run
    shared = base / "shared"
    shared.mkdir(exist_ok=True)
    return shared


def once(place: Path, make: Callable[[Path], object]) -> Path:
    """Return a folder after `make` has filled it: the first to come does, the others wait.

    What a maker left that failed half-way is thrown away, and the next one tries.
    """
    done = place.with_name(f"{place.name}.done")
    with place.with_name(f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(place, ignore_errors=True)
            make(place)
            done.touch()
    return place


def digest(places: Iterable[Path]) -> str:
    """Return a digest of the files in folders: their names and contents, not what tools leave."""
    found = hashlib.sha256()
    for place in places:
        for path in sorted(place.rglob("*")):
            inside = path.relative_to(place.parent)
            if path.is_file() and not passing(inside):
                found.update(f"{inside}\0".encode() + path.read_bytes())
    return found.hexdigest()[:12]


def passing(path: Path) -> bool:
    """True for what Python and tools leave in a source tree, and no release has."""
    return any(part == "__pycache__" or part.startswith(".") for part in path.parts)
