"""Results kept on disk while the database is away: written ahead into space kept for them.

A call that was made is never forgotten for want of a database. One file per process, filled with
NULs beforehand so that a full disk cannot refuse it, a line of JSON per result, fsynced. A file
whose process is gone is replayed by the next that starts. There are no tokens and no texts in it.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import UUID, uuid4

from passivepost.publishing.work import Move, Result

log = logging.getLogger(__name__)
_UUIDS = ("post_id", "space_id", "account_id", "attempt_id")


class Spool:
    """The spool of this process.

    Args:
        folder: ``<data-dir>/spool``; made if missing.
        size: bytes kept; a result takes 300–900.
    """

    def __init__(self, folder: Path, size: int) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._size, self._used = folder, size, 0
        self._lock = threading.Lock()
        self._path = folder / f"{os.getpid()}-{uuid4().hex[:8]}.jsonl"
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # says: this process lives
        try:
            for _ in range(size // 65536 + 1):
                os.write(self._file, bytes(65536))
            os.fsync(self._file)
        except OSError as error:
            log.warning("publisher: no space for the spool of results: %s", error)

    def append(self, results: Sequence[Result]) -> None:
        """Write results and wait until they are on disk.

        Raises:
            OSError: neither the space kept nor the disk has room.
        """
        lines = "".join(_dump(result) + "\n" for result in results).encode()
        with self._lock:
            os.pwrite(self._file, lines, self._used)
            os.fsync(self._file)
            self._used += len(lines)

    @property
    def pending(self) -> bool:
        """True while results wait here to be stored."""
        return self._used > 0

    def replay(self, store: Callable[[list[Result]], None]) -> int:
        """Store what waits here, and in files of processes that are gone; return how many.

        What `store` raises goes through, and everything stays where it is: storing is idempotent.
        """
        count = 0
        with self._lock:
            if self._used:
                results = list(_read(os.pread(self._file, self._used, 0)))
                store(results)
                os.pwrite(self._file, bytes(self._used), 0)
                os.fsync(self._file)
                self._used, count = 0, len(results)
        for path in self._folder.glob("*.jsonl"):
            if path != self._path:
                count += _adopt(path, store)
        return count

    def close(self) -> None:
        """Take the file away if nothing waits in it."""
        with self._lock:
            if not self._used:
                self._path.unlink(missing_ok=True)
            os.close(self._file)


def _adopt(path: Path, store: Callable[[list[Result]], None]) -> int:
    """Store the results of a process that is gone, and take its file away."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        results = list(_read(os.pread(file, os.fstat(file).st_size, 0)))
        if results:
            store(results)
        path.unlink(missing_ok=True)
        return len(results)
    except BlockingIOError:  # its process lives and will see to it
        return 0
    finally:
        os.close(file)


def _dump(result: Result) -> str:
    values = dataclasses.asdict(result)
    for name in _UUIDS:
        values[name] = values[name].hex if values[name] else None
    return json.dumps(values)


def _read(data: bytes) -> Iterator[Result]:
    for line in data.partition(b"\0")[0].split(b"\n"):
        try:
            values = json.loads(line)
        except ValueError:  # the end of the file, or a line cut short by a crash
            continue
        for name in _UUIDS:
            values[name] = UUID(values[name]) if values[name] else None
        yield Result(**{**values, "move": Move(values["move"])})
