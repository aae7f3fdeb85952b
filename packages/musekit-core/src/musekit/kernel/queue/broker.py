"""The doorbell. The database is the queue of record; what is lost here costs time, not work."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import structlog

from musekit.errors import ConfigurationError
from musekit.kernel.queue.messages import Message, make_message
from musekit.kernel.settings import CoreSettings

if TYPE_CHECKING:
    from musekit.kernel.host import Host
    from musekit.kernel.queue.huey_queue import JobQueue

logger = structlog.get_logger(__name__)
#: Seconds in which the bell is not tried again after it failed: callers must not queue up for it.
PAUSE = 1.0


class Broker:
    """Rings for jobs. Connects, and imports Huey, at its first use.

    Attributes:
        missed: how many bells were lost in this process because the store was away.
        healthy: False from a bell that was lost until the next that was not.
    """

    def __init__(self, settings: CoreSettings) -> None:
        if settings.queue_backend == "redis" and not settings.redis_url:
            raise ConfigurationError("MUSEKIT_QUEUE_BACKEND=redis needs MUSEKIT_REDIS_URL")
        if settings.queue_backend == "postgres" and not settings.is_postgres:
            raise ConfigurationError("MUSEKIT_QUEUE_BACKEND=postgres needs MUSEKIT_DATABASE_URL")
        self._settings = settings
        self._host: Host | None = None
        self._queue: JobQueue | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._not_before = 0.0
        self.missed = 0
        self.healthy = True

    def bind(self, host: Host) -> None:
        """Tell the broker whose jobs it runs. Called once, when the host is built."""
        self._host = host

    @property
    def queue(self) -> JobQueue:
        """The queue, connected. Raises what the store raises when it is away."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the broker is closed")
            if self._queue is None:
                from musekit.kernel.queue.huey_queue import JobQueue
                from musekit.kernel.queue.storages import make_storage

                self._queue = JobQueue(make_storage(self._settings))
            self._queue.host = self._host
            return self._queue

    def enqueue(self, name: str, /, *, delay: float = 0.0, **ids: Any) -> bool:
        """Ring for a job, after the commit of what it is to find.

        A store that is away is no error: the bell is lost, counted and logged, and the job's own
        sweep or schedule finds the work later.

        Args:
            name: of the job; one that no worker knows is parked.
            delay: seconds until it is run (within about a second).
            ids: JSON scalars or UUIDs.

        Returns:
            True if the store has the message.

        Raises:
            TypeError, ValueError: the name or an id cannot be sent.
        """
        message = make_message(name, ids)
        message.encode()
        return self.ring(message, delay)

    def ring(self, message: Message, delay: float = 0.0) -> bool:
        """Put a message that is already made into the store; see `enqueue`."""
        if time.monotonic() < self._not_before:
            self.missed += 1
            return False
        try:
            self.queue.put_message(message, delay)
        except Exception as error:
            self.missed += 1
            self.healthy = False
            self._not_before = time.monotonic() + PAUSE
            logger.warning(
                "bell lost", job=message.name, error=type(error).__name__, missed=self.missed
            )
            return False
        self.healthy = True
        return True

    def depth(self) -> int | None:
        """Return how many messages wait to be run; None if the store is away."""
        try:
            return int(self.queue.storage.queue_size())
        except Exception:
            return None

    def close(self) -> None:
        """Give back connections. May be called twice."""
        with self._lock:
            queue, self._queue, self._closed = self._queue, None, True
        if queue is not None:
            queue.storage.close()
            pool = getattr(queue.storage, "pool", None)
            if pool is not None:
                pool.disconnect()
