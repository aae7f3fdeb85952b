"""Traces: a span for each request and job, without anything that must not leave."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
from fastapi.testclient import TestClient

from musekit.errors import ConfigurationError
from musekit.kernel import telemetry
from musekit.kernel.app import create_app
from musekit.kernel.host import Host
from musekit.kernel.queue.messages import Message
from musekit.kernel.queue.running import run_job
from musekit.kernel.settings import CoreSettings


def _installed() -> bool:
    try:
        return find_spec("opentelemetry.sdk") is not None
    except ModuleNotFoundError:
        return False


sdk = pytest.mark.skipif(
    not _installed(), reason="the extra otel is not installed: no span is made"
)


@pytest.fixture
def spans(host: Host) -> Callable[[], list[Any]]:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    host.tracing = telemetry.Tracing(provider)
    return lambda: list(exporter.get_finished_spans())


@sdk
def test_requests_and_jobs_are_traced_by_their_names_alone(host: Host, spans: Any) -> None:
    with TestClient(create_app(host), raise_server_exceptions=False) as client:
        parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        client.get("/verify/canary-token?next=canary", headers={"traceparent": parent})
        client.get("/canary-nowhere")
        client.post("/api/cron/work", headers={"Authorization": "Bearer canary-secret"})
    run_job(host, Message(name="usage-sweep"), host.broker.ring)
    host.registry.jobs["usage-sweep"].__dict__["handler"] = _fail
    run_job(host, Message(name="usage-sweep"), host.broker.ring)
    found = spans()
    assert [each.name for each in found] == [
        "GET /verify/{token}", "GET (none)", "POST /api/cron/work", "job usage-sweep",
        "job usage-sweep",
    ]  # fmt: skip
    first = found[0]
    assert f"{first.context.trace_id:032x}" == parent.split("-")[1]
    assert first.attributes["http.response.status_code"] == 410
    assert first.attributes["musekit.request_id"]
    assert [each.status.is_ok for each in found] == [True, True, True, True, False]
    assert found[-1].attributes["error.type"] == "ValueError"
    assert "canary" not in "".join(each.to_json() for each in found)


def _fail(run: Any) -> None:
    raise ValueError("canary")


def test_without_the_extra_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(telemetry, "import_module", missing)
    assert telemetry.start(CoreSettings(mode="test")) is None
    with pytest.raises(ConfigurationError, match=r"musekit-core\[otel\]"):
        telemetry.start(CoreSettings(mode="test", otel_endpoint="http://127.0.0.1:4318"))


@sdk
def test_an_endpoint_starts_it() -> None:
    made = telemetry.start(CoreSettings(mode="test", otel_endpoint="http://127.0.0.1:4318/"))
    assert made is not None
    made.close()
