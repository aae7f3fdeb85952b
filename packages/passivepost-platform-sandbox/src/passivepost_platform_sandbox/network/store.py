"""The network's store: one thread owns one SQLite connection and commits in groups.

Whatever jobs queued up while the last group was being committed form the next one, so thousands
of posts a second cost few commits, and every answer still follows its commit.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]

#: Jobs in one transaction at most, so that one slow group does not hold up all answers.
GROUP = 500

SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
  id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL,
  color TEXT NOT NULL, sample INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS grants (
  id INTEGER PRIMARY KEY, account TEXT NOT NULL, client_id TEXT NOT NULL, scope TEXT NOT NULL,
  created_at REAL NOT NULL, revoked_at REAL, reason TEXT);
CREATE TABLE IF NOT EXISTS codes (
  digest TEXT PRIMARY KEY, client_id TEXT NOT NULL, redirect_uri TEXT NOT NULL,
  challenge TEXT NOT NULL, scope TEXT NOT NULL, account TEXT NOT NULL, expires_at REAL NOT NULL,
  grant_id INTEGER);
CREATE TABLE IF NOT EXISTS tokens (
  digest TEXT PRIMARY KEY, kind TEXT NOT NULL, grant_id INTEGER NOT NULL,
  expires_at REAL NOT NULL, used_at REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tokens_grant ON tokens (grant_id);
CREATE TABLE IF NOT EXISTS posts (
  id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, text TEXT NOT NULL,
  reply_to INTEGER, media TEXT NOT NULL, key TEXT, created_at REAL NOT NULL, deleted_at REAL);
CREATE INDEX IF NOT EXISTS posts_account ON posts (account, created_at);
CREATE INDEX IF NOT EXISTS posts_time ON posts (created_at);
CREATE INDEX IF NOT EXISTS posts_text ON posts (account, text);
CREATE INDEX IF NOT EXISTS posts_key ON posts (account, key) WHERE key IS NOT NULL;
CREATE TABLE IF NOT EXISTS media (
  id TEXT PRIMARY KEY, account TEXT NOT NULL, mime TEXT NOT NULL, alt TEXT NOT NULL,
  data BLOB NOT NULL, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS ledger (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, kind TEXT NOT NULL, account TEXT,
  accepted INTEGER NOT NULL, status INTEGER NOT NULL, key TEXT, text TEXT, post_id INTEGER,
  note TEXT);
CREATE INDEX IF NOT EXISTS ledger_kind ON ledger (kind, seq);
"""


class Store:
    """Runs jobs on the database, in the order they came. Opened at the first job.

    Args:
        path: the SQLite file; its folder is made.
        durable: a commit survives a power cut (synchronous FULL); otherwise it survives the end
            of the process only, which is what tests that kill workers need.
    """

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self.path = path
        self._durable = durable
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Job[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def submit(self, job: Job[T]) -> Future[T]:
        """Queue a job; its future resolves after the commit of its group."""
        if self._thread is None:
            self._start()
        future: Future[T] = Future()
        self._jobs.put((future, job))
        return future

    async def run(self, job: Job[T]) -> T:
        """Run a job and wait for its commit. Raises what the job raises."""
        return await asyncio.wrap_future(self.submit(job))

    def close(self) -> None:
        """Finish what is queued and close the file. A later job opens it again."""
        with self._starting:
            if self._thread is not None:
                self._jobs.put(None)
                self._thread.join()
                self._thread = None

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._thread = threading.Thread(
                    target=self._serve, name="sandbox-store", daemon=True
                )
                self._thread.start()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None, timeout=30)
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={'FULL' if self._durable else 'OFF'}")
        db.executescript(SCHEMA)
        return db

    def _serve(self) -> None:
        db = self._open()
        running = True
        while running:
            group = [self._jobs.get()]
            while len(group) < GROUP and not self._jobs.empty():
                group.append(self._jobs.get())
            running = None not in group
            self._commit(db, [item for item in group if item is not None])
        db.close()

    @staticmethod
    def _commit(db: sqlite3.Connection, group: list[tuple[Future[Any], Job[Any]]]) -> None:
        done: list[tuple[Future[Any], Any, BaseException | None]] = []
        db.execute("BEGIN")
        for future, job in group:
            if not future.set_running_or_notify_cancel():
                continue
            try:
                done.append((future, job(db), None))
            except Exception as error:
                done.append((future, None, error))
        try:
            db.execute("COMMIT")
        except sqlite3.Error as error:  # disk full: nobody is told that anything was accepted
            db.execute("ROLLBACK") if db.in_transaction else None
            done = [(future, None, error) for future, _, _ in done]
        for future, result, failure in done:
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)
