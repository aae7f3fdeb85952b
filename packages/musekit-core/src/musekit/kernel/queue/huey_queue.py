"""Huey, bent to our messages: JSON only, unknown jobs parked, retries of our own.

Importing this imports Huey (half a second), so only what rings or works does.
"""

from __future__ import annotations

import hashlib
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from huey.api import Huey, Task
from huey.consumer import Consumer
from huey.serializer import Serializer
from huey.storage import BaseStorage

from musekit.kernel.queue.messages import Message, MessageError, decode
from musekit.kernel.queue.parking import park
from musekit.kernel.queue.running import run_job

if TYPE_CHECKING:
    from musekit.kernel.host import Host

logger = structlog.get_logger(__name__)
#: Seconds after which a message that could not be parked is looked at again.
PARK_AGAIN = 30.0


class NoSerializer(Serializer):  # type: ignore[misc]
    """Stands where Huey's pickle would be. Nothing of ours comes here."""

    def _serialize(self, data: Any) -> bytes:
        raise TypeError("messages are JSON; nothing is pickled")

    def _deserialize(self, data: bytes) -> Any:
        raise TypeError("messages are JSON; nothing is unpickled")


class Bell(Task):  # type: ignore[misc]
    """A message on its way through Huey's workers."""

    def __init__(self, message: Message) -> None:
        super().__init__()
        self.message = message


class JobQueue(Huey):  # type: ignore[misc]
    """The queue of one process.

    Huey's own execution is left out: it asks the store for revocations after it took a message
    (an error there loses it), and knows neither jitter nor a cap.
    """

    def __init__(self, storage: BaseStorage) -> None:
        self._made = storage
        self.host: Host | None = None
        self._quiet_until = 0.0
        super().__init__(storage.name, results=False, serializer=NoSerializer())

    def get_storage(self, **kwargs: Any) -> BaseStorage:
        """Return the storage this queue was made with."""
        return self._made

    def put_message(self, message: Message, delay: float = 0.0) -> None:
        """Store a message, to be run at once or after `delay` seconds."""
        if delay > 0:
            at = datetime.now(UTC) + timedelta(seconds=delay)
            self.storage.add_to_schedule(message.encode(), at)
        else:
            self.storage.enqueue(message.encode())

    # --- what Huey's consumer calls ---

    def enqueue(self, task: Bell) -> None:
        """Store a message whose time has come."""
        self.storage.enqueue(task.message.encode())

    def dequeue(self) -> Bell | None:
        """Take the next message that can be run here; None if there is none."""
        try:
            data = self.storage.dequeue()
        except Exception as error:
            self._away(error)
            return None
        return None if data is None else self._admit(data)

    def read_schedule(self, timestamp: datetime | None = None) -> list[Bell]:
        """Take the delayed messages that are due."""
        try:
            due = self.storage.read_schedule(datetime.now(UTC))
        except Exception as error:
            self._away(error)
            return []
        return [bell for data in due if (bell := self._admit(bytes(data)))]

    def execute(self, task: Bell, timestamp: datetime | None = None) -> None:
        """Run a message's job in this thread."""
        assert self.host is not None
        run_job(self.host, task.message, self._retry)

    # --- our own ---

    def _admit(self, data: bytes) -> Bell | None:
        """Return what may run; park what is not known here; drop what is no message of ours."""
        assert self.host is not None
        try:
            message = decode(data)
        except MessageError as error:
            digest = hashlib.sha256(data).hexdigest()[:16]
            logger.warning("queue message refused", reason=str(error), sha256=digest)
            return None
        if message.name in self.host.registry.jobs:
            return Bell(message)
        try:
            park(self.host, message, "no installed plugin declares this job")
        except Exception:
            logger.exception("a message could not be parked", job=message.name)
            self._retry(message, PARK_AGAIN)
        return None

    def _retry(self, message: Message, delay: float) -> None:
        try:
            self.put_message(message, delay)
        except Exception:
            logger.exception("a retry could not be stored", job=message.name)

    def _away(self, error: Exception) -> None:
        """Say once in a while that the store is away, and do not spin."""
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + 30
            logger.warning("queue store away", error=type(error).__name__)
        time.sleep(1)


class EmbeddableConsumer(Consumer):  # type: ignore[misc]
    """Huey's consumer without signal handlers: the process that runs it owns its signals."""

    def __init__(self, queue: JobQueue, threads: int) -> None:
        logging.getLogger("huey").setLevel(logging.WARNING)  # we log each job ourselves
        super().__init__(queue, workers=threads, periodic=False, max_delay=1.0)

    def _set_signal_handlers(self) -> None:
        pass

    @property
    def threads(self) -> list[Any]:
        """The threads: workers and the one that looks after delayed messages."""
        return [thread for _, thread in self.worker_threads] + [self.scheduler]
