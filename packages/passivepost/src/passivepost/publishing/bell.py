"""The doorbell: tells the publishers of this process that something may be due."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from musekit.api import Host, JobRun
from passivepost.settings import PassivePostSettings

_making = threading.Lock()


class Bell:
    """Rings from any thread. It carries no message: the queue is in the database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def ring(self) -> None:
        """Wake every publisher of this process. Heard by nobody where none runs."""
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    @contextlib.contextmanager
    def listen(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call `listener`, on the ringer's thread, at each ring."""
        with self._lock:
            self._listeners.append(listener)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)


def bell_of(host: Host) -> Bell:
    """Return the bell of this process's host."""
    with _making:
        try:
            bell: Bell = host.get(Bell)
        except KeyError:
            bell = Bell()
            host.put(Bell, bell)
        return bell


def knock(host: Host, due_at: datetime | None) -> None:
    """Wake the publishers, wherever they run, when a post is due before they look by themselves.

    Call it after the commit: who is woken finds only what is committed. A knock that is lost
    costs a few seconds, for publishers look every `poll_seconds` anyway.
    """
    poll = timedelta(seconds=host.settings_of(PassivePostSettings).poll_seconds)
    if due_at is not None and due_at <= datetime.now(UTC) + poll:
        bell_of(host).ring()
        host.broker.enqueue("social-post")


def ring(run: JobRun) -> None:
    """Handle the job ``social-post``: wake the publisher. It may come twice or not at all."""
    bell_of(run.host).ring()
