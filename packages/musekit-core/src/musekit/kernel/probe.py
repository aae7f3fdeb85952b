"""Is it safe to import a plugin here? Tried first in a child process, which may hang or die.

An ``except`` cannot catch a module that never returns from its import, nor one that calls
``os._exit``. So a version of a plugin that has not yet been imported on this data directory is
imported in a child with a time limit. What passed is remembered, and later starts pay nothing.

While the process itself imports a plugin it holds a lock on a note of its name. A note whose lock
is free was left by a process that ended in the middle: that plugin has to pass the trial again.
"""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import importlib
import logging
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from musekit.kernel.discovery import Found, plugins_dir, read_json, write_json

logger = logging.getLogger(__name__)

#: A plugin that passes the trial, yet ends the process that often when imported, is not imported.
DOUBTS_ALLOWED = 2


class Proofs:
    """What is known of plugins' imports on this data directory (``plugins/proven.json``)."""

    def __init__(self, data_dir: Path) -> None:
        self._path = plugins_dir(data_dir) / "proven.json"
        self._notes = plugins_dir(data_dir) / ".importing"
        self._known: dict[str, dict[str, Any]] = read_json(self._path, dict)
        self._collect_notes()

    def proven(self, plugin: Found) -> bool:
        """True if this version was imported here before, and no process ended in it since."""
        known = self._known.get(plugin.name, {})
        return self._same(known, plugin) and bool(known.get("proven"))

    def doubted(self, plugin: Found) -> bool:
        """True if processes ended while importing this version although it had passed alone."""
        known = self._known.get(plugin.name, {})
        return self._same(known, plugin) and known.get("doubts", 0) >= DOUBTS_ALLOWED

    def record(self, plugin: Found) -> None:
        """Remember that the plugin passed."""
        known = self._known.get(plugin.name, {})
        doubts = known.get("doubts", 0) if self._same(known, plugin) else 0
        self._known[plugin.name] = {
            "dist": plugin.dist, "version": plugin.version, "proven": True, "doubts": doubts,
        }  # fmt: skip
        self._save()

    def forget(self, name: str) -> None:
        """Forget what is known of a plugin: it is tried afresh at the next start."""
        if self._known.pop(name, None) is not None:
            self._save()

    @contextlib.contextmanager
    def importing(self, plugin: Found) -> Iterator[None]:
        """Hold a locked note of the plugin's name while it is imported."""
        try:
            self._notes.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._notes, prefix=f"{plugin.name}-")
        except OSError:  # a disk that is only read keeps no notes, and starts all the same
            yield
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            Path(name).unlink(missing_ok=True)
            os.close(handle)

    def _collect_notes(self) -> None:
        """Find notes of ended processes; their plugins are no longer proven."""
        found = False
        for note in self._notes.glob("*") if self._notes.is_dir() else ():
            with contextlib.suppress(OSError), note.open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                known = self._known.setdefault(note.name.rpartition("-")[0], {})
                known["doubts"] = known.get("doubts", 0) + 1
                known["proven"] = False
                note.unlink(missing_ok=True)
                found = True
        if found:
            self._save()

    def _save(self) -> None:
        try:
            write_json(self._path, self._known)
        except OSError as error:  # then each start tries all plugins out anew
            logger.warning("%s cannot be written: %s", self._path, error.strerror)

    @staticmethod
    def _same(known: dict[str, Any], plugin: Found) -> bool:
        return (known.get("dist"), known.get("version")) == (plugin.dist, plugin.version)


def trial(plugins: Sequence[Found], seconds: float) -> dict[str, str]:
    """Import plugins in child processes; return what is wrong with those that end or hang it.

    One child imports them all; after a failure another goes on behind the culprit. A plugin that
    merely raises is not reported: the import proper will say more.

    Args:
        plugins: in the order of import.
        seconds: how long one plugin may take.

    Returns:
        plugin name → what happened. Empty: all may be imported.
    """
    faults: dict[str, str] = {}
    rest = list(plugins)
    while rest:
        passed, fault = _try(rest, seconds)
        if fault:
            faults[rest[passed].name] = fault
        rest = rest[passed + 1 :]
    return faults


def _try(plugins: list[Found], seconds: float) -> tuple[int, str]:
    """Run one child. Returns how many passed, and what befell the next (empty: all passed)."""
    out, into = os.pipe()
    command = [sys.executable, "-m", __name__, str(into), str(seconds)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(
            command + [each.module for each in plugins],
            pass_fds=[into], env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
        )  # fmt: skip
        os.close(into)
        try:
            passed = _follow(out, len(plugins), seconds)
            if passed == len(plugins):
                return passed, ""
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(0.5)
            return passed, _tell(child.poll(), seconds, errors)
        finally:
            os.close(out)
            child.kill()
            child.wait()


def _follow(pipe: int, count: int, seconds: float) -> int:
    """Count the bytes that the child writes, one per plugin passed, until one is overdue."""
    passed = 0
    end = time.monotonic() + seconds + 5  # the first also waits for the interpreter to start
    while passed < count:
        ready, _, _ = select.select([pipe], [], [], max(0.0, end - time.monotonic()))
        got = len(os.read(pipe, 64)) if ready else 0
        if not got:
            break
        passed += got
        end = time.monotonic() + seconds
    return passed


def _tell(status: int | None, seconds: float, errors: IO[str]) -> str:
    errors.seek(0)
    lines = [line.strip() for line in errors.read().splitlines() if line.strip()]
    if status is None:
        where = next((line for line in lines if line.startswith("File ")), "")
        return f"its import did not end within {seconds:g} s" + (f" ({where})" if where else "")
    how = f"signal {-status}" if status < 0 else f"status {status}"
    return f"its import ended the whole process with {how}" + (f": {lines[-1]}" if lines else "")


def main() -> None:
    """Be the child: import each module named, and write a byte after each."""
    pipe, seconds, modules = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    for module in modules:
        faulthandler.dump_traceback_later(max(0.1, seconds - 0.5))
        with contextlib.suppress(BaseException):
            importlib.import_module(module)
        faulthandler.cancel_dump_traceback_later()
        os.write(pipe, b".")
    os._exit(0)  # whatever threads or exit handlers the modules have left behind


if __name__ == "__main__":
    main()
