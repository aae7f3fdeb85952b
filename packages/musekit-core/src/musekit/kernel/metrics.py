"""Numbers for Prometheus: counted in this process, or read from the database when asked for.

Without ``MUSEKIT_METRICS_SECRET`` nobody can ask: then nothing is counted, and `prometheus_client`
is not imported. Several web processes of one `musekit serve --workers` count together, by files in
the folder that ``PROMETHEUS_MULTIPROC_DIR`` names (`musekit serve` makes it).
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from musekit.kernel.actors import Actor

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from musekit.kernel.database.session import Database

logger = logging.getLogger(__name__)
_ACTOR = Actor.system("metrics")
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
#: Upper ends of the buckets of durations, in seconds.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
#: Seconds for which what was read is given again, so that scraping often costs nothing.
FRESH = 5.0
#: Values by the values of the labels; a number where there are no labels.
Read = Mapping[tuple[str, ...], float] | float | None


class Count(Protocol):
    """A counter or a histogram."""

    def add(self, *labels: str, amount: float = 1) -> None:
        """Count, or observe `amount`, under the values of its labels."""


class _Silent:
    def add(self, *labels: str, amount: float = 1) -> None:
        pass


class _Counter:
    def __init__(self, made: Any) -> None:
        self._made = made

    def add(self, *labels: str, amount: float = 1) -> None:
        (self._made.labels(*labels) if labels else self._made).inc(amount)


class _Histogram(_Counter):
    def add(self, *labels: str, amount: float = 1) -> None:
        (self._made.labels(*labels) if labels else self._made).observe(amount)


@dataclass(frozen=True)
class _Reading:
    name: str
    text: str
    labels: Sequence[str]
    read: Callable[[Session], Read]
    counter: bool


class Metrics:
    """The numbers of a host.

    Names begin with that of the plugin whose they are: ``musekit_…``, ``passivepost_…``. Labels
    have few values: never ids, addresses or what people write.
    """

    def __init__(self, *, enabled: bool = False) -> None:
        self.enabled = enabled
        self._made: dict[str, Count] = {}
        self._readings: dict[str, _Reading] = {}
        self._lock = threading.Lock()
        self._read_at, self._found = -FRESH, list[tuple[_Reading, Read]]()
        self._registry: Any = None
        if enabled:
            from prometheus_client import CollectorRegistry

            self._registry = CollectorRegistry()

    def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Count:
        """Return the counter of that name, which ends in ``_total``; the same one each time."""
        return self._get(name, "Counter", _Counter, text, labels)

    def histogram(
        self, name: str, text: str, labels: Sequence[str] = (), buckets: Sequence[float] = SECONDS
    ) -> Count:
        """Return the histogram of that name; ``add(…, amount=…)`` observes."""
        return self._get(name, "Histogram", _Histogram, text, labels, buckets=buckets)

    def reading(
        self,
        name: str,
        text: str,
        read: Callable[[Session], Read],
        labels: Sequence[str] = (),
        *,
        counter: bool = False,
    ) -> None:
        """Have something read when Prometheus asks, at most every few seconds.

        Args:
            read: gets a reading session of the system; None leaves the metric out. Keep it to what
                an index answers.
            counter: it only ever grows; else it is a gauge.
        """
        if self.enabled:
            self._readings[_checked(name)] = _Reading(name, text, labels, read, counter)

    def exposition(self, database: Database) -> bytes:
        """Return all of it in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest, multiprocess

        counted = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            counted = CollectorRegistry()
            multiprocess.MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
        read = CollectorRegistry()
        read.register(_Collector(self._readings_of(database)))
        return generate_latest(counted) + generate_latest(read)

    def _get(
        self, name: str, kind: str, wrap: type[_Counter], text: str, labels: Sequence[str],
        **more: Any,
    ) -> Count:  # fmt: skip
        if not self.enabled:
            return _Silent()
        with self._lock:
            if name not in self._made:
                import prometheus_client

                make = getattr(prometheus_client, kind)
                made = make(_checked(name), text, labels, registry=self._registry, **more)
                self._made[name] = wrap(made)
            return self._made[name]

    def _readings_of(self, database: Database) -> list[tuple[_Reading, Read]]:
        with self._lock:
            if time.monotonic() - self._read_at >= FRESH:
                self._found = list(self._read(database))
                self._read_at = time.monotonic()
            return self._found

    def _read(self, database: Database) -> Iterator[tuple[_Reading, Read]]:
        """Ask each reading in a unit of its own: a fault of one must not hide the others."""
        for reading in self._readings.values():
            try:
                with database.session(_ACTOR, readonly=True) as session:
                    yield reading, reading.read(session)
            except Exception as error:
                logger.warning("Metric %s was not read: %s", reading.name, type(error).__name__)


class _Collector:
    """Gives what was read to Prometheus' library."""

    def __init__(self, found: list[tuple[_Reading, Read]]) -> None:
        self._found = found

    def collect(self) -> Iterator[Any]:
        """Yield the families (called by the library)."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for reading, values in self._found:
            if values is None:
                continue
            make = CounterMetricFamily if reading.counter else GaugeMetricFamily
            family = make(reading.name, reading.text, labels=list(reading.labels))
            listed = values if isinstance(values, Mapping) else {(): values}
            for labels, value in listed.items():
                family.add_metric(list(labels), value)
            yield family


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"metric name {name!r} is not <plugin>_<words> in lower case")
    return name
