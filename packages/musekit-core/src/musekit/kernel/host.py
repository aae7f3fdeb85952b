"""The host: everything a running process holds, built once, passed on, never global."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic_settings import BaseSettings

if TYPE_CHECKING:
    from musekit.kernel.crypto.keyring import KeyRing
    from musekit.kernel.database.session import Database
    from musekit.kernel.metrics import Metrics
    from musekit.kernel.outbound.client import Outbound
    from musekit.kernel.portal import Portal
    from musekit.kernel.queue.broker import Broker
    from musekit.kernel.queue.tally import Tally
    from musekit.kernel.ratelimit.limiter import Limiter
    from musekit.kernel.registry import Registry
    from musekit.kernel.settings import CoreSettings
    from musekit.kernel.telemetry import Tracing

Model = TypeVar("Model", bound=BaseSettings)


def _limits() -> Limiter:
    """Return a limiter that counts in memory."""
    from musekit.kernel.ratelimit.limiter import Limiter

    return Limiter()


def _tally() -> Tally:
    from musekit.kernel.queue.tally import Tally

    return Tally()


def _metrics() -> Metrics:
    """Return metrics that nobody asks for."""
    from musekit.kernel.metrics import Metrics

    return Metrics()


@dataclass
class Host:
    """What plugins, routes, jobs and services are given.

    Made by `musekit.kernel.build.build_host`; ``close()`` gives back connections and threads.
    """

    settings: CoreSettings
    database: Database
    keyring: KeyRing  #: encrypts tokens: `encrypt(text, column, row, space)` and back
    broker: Broker  #: the doorbell: `enqueue(job_name, **ids)`
    outbound: Outbound  #: the only way out, guarded: an async client
    portal: Portal  #: runs async code of platforms from `def` routes: `portal.call(coro_fn, *args)`
    registry: Registry  #: what plugins declared, and the typed hook façade `registry.hooks`
    #: How often what may be asked: `limits.hit(policy, scope)`.
    limits: Limiter = field(default_factory=_limits)
    tally: Tally = field(default_factory=_tally)  #: jobs under way here, and how others ended
    metrics: Metrics = field(default_factory=_metrics)  #: numbers for Prometheus
    tracing: Tracing | None = None  #: makes spans, where OpenTelemetry is set up
    stopping: Event = field(default_factory=Event)  #: told to stop: begin nothing that takes long
    sections: dict[type[BaseSettings], BaseSettings] = field(default_factory=dict)
    #: Objects plugins share with their own routes and jobs, by type; see `put` and `get`.
    _shared: dict[type[Any], Any] = field(default_factory=dict)

    def settings_of(self, model: type[Model]) -> Model:
        """Return the validated settings section of that class."""
        section = self.sections[model]
        assert isinstance(section, model)
        return section

    def put(self, kind: type[Any], value: Any) -> None:
        """Share an object of a plugin with the plugin's own code, under its type."""
        self._shared[kind] = value

    def get(self, kind: type[Any]) -> Any:
        """Return what `put` shared under that type; KeyError if nothing was."""
        return self._shared[kind]

    def close(self) -> None:
        """Give back threads and connections. The host is of no use afterwards."""
        self.portal.close()
        if self.tracing is not None:
            self.tracing.close()
        self.broker.close()
        self.limits.close()
        self.database.close()
