"""Traces by OpenTelemetry, where an endpoint is set: a span for each request and each job.

Spans are our own and not FastAPI's, for those hold the path and the query of a request, and in ours
tokens stand there (``/invite/{token}``). Ours hold the route's pattern, as log lines do.

The SDK is the extra ``musekit-core[otel]``; nothing of it is imported without the setting.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from musekit import __version__
from musekit.errors import ConfigurationError

if TYPE_CHECKING:
    from starlette.types import Scope

    from musekit.kernel.settings import CoreSettings

#: Headers by which a caller tells of its own trace (W3C Trace Context).
_CONTEXT = (b"traceparent", b"tracestate")


class Tracing:
    """Makes spans by a provider of the OpenTelemetry SDK."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("musekit", __version__)
        self._api = import_module("opentelemetry.trace")
        self._propagate = import_module("opentelemetry.propagate")

    @contextmanager
    def request(self, scope: Scope) -> Iterator[Any]:
        """Trace a request, below the caller's own span if its headers name one.

        Yields:
            The span; give it its end by `answered`.
        """
        told = {
            name.decode(): value.decode("latin-1")
            for name, value in scope["headers"] if name in _CONTEXT
        }  # fmt: skip
        with self._tracer.start_as_current_span(
            scope["method"], context=self._propagate.extract(told), kind=self._api.SpanKind.SERVER,
            record_exception=False, set_status_on_exception=False,
        ) as span:  # fmt: skip
            yield span

    def answered(self, span: Any, line: Mapping[str, Any]) -> None:
        """Complete a request's span by what its log line says."""
        span.update_name(f"{line['method']} {line['route']}")
        span.set_attributes(
            {
                "http.request.method": line["method"], "http.route": line["route"],
                "http.response.status_code": line["status"],
                "musekit.request_id": line["request_id"],
            }
        )  # fmt: skip
        if line["status"] >= 500:
            span.set_status(self._api.StatusCode.ERROR)

    @contextmanager
    def job(self, name: str, attempt: int) -> Iterator[None]:
        """Trace a run of a job. An error is told by its kind: its words may hold secrets."""
        with self._tracer.start_as_current_span(
            f"job {name}", kind=self._api.SpanKind.CONSUMER,
            attributes={"musekit.job": name, "musekit.attempt": attempt},
            record_exception=False, set_status_on_exception=False,
        ) as span:  # fmt: skip
            try:
                yield
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(self._api.StatusCode.ERROR)
                raise

    def close(self) -> None:
        """Send what is still here."""
        self._provider.shutdown()


def start(settings: CoreSettings) -> Tracing | None:
    """Return what traces, if an endpoint is set.

    Raises:
        ConfigurationError: the extra is not installed.
    """
    if not settings.otel_endpoint:
        return None
    try:
        sdk, export, resources, otlp = (
            import_module(f"opentelemetry.{name}")
            for name in ("sdk.trace", "sdk.trace.export", "sdk.resources",
                         "exporter.otlp.proto.http.trace_exporter")
        )  # fmt: skip
    except ImportError:
        raise ConfigurationError(
            "MUSEKIT_OTEL_ENDPOINT is set, but OpenTelemetry is not installed. Run"
            " `pip install 'musekit-core[otel]'`, or unset it."
        ) from None
    resource = resources.Resource.create(
        {
            "service.name": settings.queue_name, "service.version": __version__,
            "service.instance.id": platform.node(),
            "deployment.environment.name": settings.mode,
        }
    )  # fmt: skip
    provider = sdk.TracerProvider(resource=resource)
    endpoint = f"{settings.otel_endpoint.rstrip('/')}/v1/traces"
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter(endpoint=endpoint)))
    return Tracing(provider)
