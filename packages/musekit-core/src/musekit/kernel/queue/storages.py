"""Where Huey keeps messages: a SQLite file, Redis or PostgreSQL. Importing this imports Huey."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path
from typing import Any

from huey.storage import BaseStorage, PostgresStorage, RedisStorage, SqliteStorage
from sqlalchemy import make_url

from musekit.errors import ConfigurationError
from musekit.kernel.settings import CoreSettings


class FileStorage(SqliteStorage):  # type: ignore[misc]
    """Huey's SQLite storage whose readers sleep until this process rings, or a second passes.

    So the embedded mode runs a job at once, and idle threads ask the file once a second.
    """

    blocking = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._rung = threading.Condition()
        super().__init__(*args, **kwargs)

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        """Store a message and wake one reader."""
        super().enqueue(data, priority)
        with self._rung:
            self._rung.notify()

    def dequeue(self) -> bytes | None:
        """Take a message; wait up to a second for one."""
        data = super().dequeue()
        if data is None:
            with self._rung:
                self._rung.wait(1.0)
            data = super().dequeue()
        return None if data is None else bytes(data)


class ServerStorage(RedisStorage):  # type: ignore[misc]
    """Huey's Redis storage with instants that mean the same on hosts of different zones."""

    def convert_ts(self, ts: datetime) -> float:
        """Return Unix seconds of an aware instant."""
        return ts.timestamp()


def make_storage(settings: CoreSettings) -> BaseStorage:
    """Return the storage that the settings name.

    Raises:
        ConfigurationError: a setting is missing, or the store cannot be used.
    """
    if settings.queue_backend == "redis":
        return _redis(settings)
    if settings.queue_backend == "postgres":
        return _postgres(settings)
    folder = Path(settings.data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    file = str(folder / "queue.db")
    return FileStorage(settings.queue_name, filename=file, timeout=10, cache_mb=1)


def _redis(settings: CoreSettings) -> BaseStorage:
    from redis import BlockingConnectionPool  # 20 MB that the embedded mode does without
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    if not settings.redis_url:
        raise ConfigurationError("MUSEKIT_QUEUE_BACKEND=redis needs MUSEKIT_REDIS_URL")
    # redis-py 8 stops at 100 connections by raising, and Huey has then already taken a message
    # off the list: it would be gone. So: more room than threads, and waiting in place of raising.
    pool = BlockingConnectionPool.from_url(
        settings.redis_url,
        max_connections=settings.worker_threads + 64,
        timeout=5,
        socket_connect_timeout=2,
        socket_timeout=5,  # above Huey's blocking pop of 1 s
        health_check_interval=30,
        retry=Retry(NoBackoff(), 1),  # a web request must not wait for a Redis that is away
    )
    return ServerStorage(settings.queue_name, connection_pool=pool)


def _postgres(settings: CoreSettings) -> BaseStorage:
    import psycopg  # here, for the queue in a file imports this module too

    url = settings.database_system_url or settings.database_url
    if not url.startswith("postgresql"):
        raise ConfigurationError("MUSEKIT_QUEUE_BACKEND=postgres needs a PostgreSQL database")
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    options = {"connect_timeout": 5, "application_name": "musekit-queue"}
    # Tables come from `musekit migrate`; CREATE IF NOT EXISTS would need the right to create.
    with psycopg.connect(dsn, autocommit=True, **options) as connection:  # type: ignore[arg-type]
        row = connection.execute("SELECT to_regclass('huey_task')").fetchone()
    missing = row is None or row[0] is None
    try:
        return PostgresStorage(settings.queue_name, dsn=dsn, create_tables=missing, **options)
    except psycopg.errors.InsufficientPrivilege:
        raise ConfigurationError(
            "The tables of the queue are missing in PostgreSQL, and the system login may not make"
            " them. Run `musekit migrate`."
        ) from None
