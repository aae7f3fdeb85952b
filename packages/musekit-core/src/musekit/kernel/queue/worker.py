"""A worker: threads that run jobs, one thread for each service, and the scheduler."""

from __future__ import annotations

import contextlib
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import structlog

from musekit.declarations import WorkerService
from musekit.kernel.queue.heartbeat import Heartbeat
from musekit.kernel.queue.parking import requeue_parked
from musekit.kernel.queue.schedule import Scheduler
from musekit.kernel.queue.services import Stop

if TYPE_CHECKING:
    from musekit.kernel.host import Host
    from musekit.kernel.queue.huey_queue import EmbeddableConsumer

logger = structlog.get_logger(__name__)
#: Seconds before a service that raised is started again: doubled each time, with jitter.
RESTART, RESTART_CAP = 1.0, 60.0
#: Seconds between looks at threads that may have died, and tries to reach a queue that is away.
HEALTH, AGAIN = 10.0, 5.0


def run_worker(host: Host, stop: Stop) -> None:
    """Run a worker until a stop is requested, then drain, at most until its deadline.

    In the main thread SIGTERM and SIGINT request the stop; a second one ends the drain.
    """
    with _signals(host, stop):
        _Worker(host, stop).run()


class EmbeddedWorker:
    """A worker inside another process, such as the web server of the embedded mode."""

    def __init__(self, host: Host) -> None:
        self._stop = Stop()
        self._thread = threading.Thread(
            target=_Worker(host, self._stop).run, name="musekit-worker", daemon=True
        )
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Drain within `timeout` seconds. Returns True if everything came to its end."""
        self._stop.request(timeout)
        self._thread.join(timeout + 2)
        return not self._thread.is_alive()


def start_embedded(host: Host) -> EmbeddedWorker:
    """Start a worker in threads of this process, leaving its signals alone."""
    return EmbeddedWorker(host)


class _Worker:
    def __init__(self, host: Host, stop: Stop) -> None:
        self._host, self._stop = host, stop
        self._heart = Heartbeat(host)
        self._consumer: EmbeddableConsumer | None = None
        self._threads: list[threading.Thread] = []

    def run(self) -> None:
        """Start everything, wait for the stop, drain."""
        host, stop = self._host, self._stop
        for service in host.registry.services:
            self._start(f"service-{service.name}", self._keep, service)
        self._start("scheduler", Scheduler(host).run, stop)
        self._heart.start()
        logger.info(
            "worker started",
            threads=host.settings.worker_threads,
            jobs=sorted(host.registry.jobs),
            services=[service.name for service in host.registry.services],
        )
        while True:
            self._look_after_consumer()
            if stop.wait(HEALTH if self._consumer else AGAIN):
                break
        self._drain()

    def _start(self, name: str, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, name=f"musekit-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _look_after_consumer(self) -> None:
        """Start the job threads, or see that they live. A queue that is away stops nothing else."""
        try:
            if self._consumer is None:
                from musekit.kernel.queue.huey_queue import EmbeddableConsumer

                queue = self._host.broker.queue
                requeue_parked(self._host)
                consumer = EmbeddableConsumer(queue, self._host.settings.worker_threads)
                consumer.start()
                self._consumer = consumer
            else:
                self._consumer.check_worker_health()
        except Exception:
            logger.exception("queue not usable; services go on without it")

    def _keep(self, service: WorkerService) -> None:
        """Run a service, and run it again after an error."""
        pause = RESTART
        while not self._stop.requested.is_set():
            started = time.monotonic()
            structlog.contextvars.bind_contextvars(service=service.name)
            try:
                service.run(self._host, self._stop)
                return
            except (Exception, SystemExit):
                if time.monotonic() - started > RESTART_CAP:
                    pause = RESTART
                wait = pause * random.uniform(0.5, 1)  # noqa: S311 - spreading load
                logger.exception("service ended with an error", restart_in=round(wait, 1))
                self._stop.wait(wait)
                pause = min(RESTART_CAP, pause * 2)

    def _drain(self) -> None:
        stop = self._stop
        if stop.deadline is None:
            stop.request(self._host.settings.worker_drain_seconds)
        self._host.stopping.set()  # jobs with many rows end between two of them
        logger.info("worker stopping", seconds=round(stop.remaining(), 1))
        threads = list(self._threads)
        if self._consumer is not None:
            self._consumer.stop_flag.set()
            threads += self._consumer.threads
        for thread in threads:
            # In steps, because a second signal may shorten the deadline meanwhile.
            while thread.is_alive() and stop.remaining() > 0:
                thread.join(min(0.2, stop.remaining()))
        self._heart.end()
        left = [thread.name for thread in threads if thread.is_alive()]
        if left:
            logger.warning("worker stopped at its deadline", unfinished=left)
        else:
            logger.info("worker stopped")


@contextlib.contextmanager
def _signals(host: Host, stop: Stop) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(number: int, frame: Any) -> None:
        drain = 0.0 if stop.requested.is_set() else host.settings.worker_drain_seconds
        # In a thread: this handler may have interrupted the very code that holds the event's lock.
        threading.Thread(target=stop.request, args=(drain,), daemon=True).start()

    before = {each: signal.signal(each, on_signal) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
