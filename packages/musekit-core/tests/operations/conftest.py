"""A host whose metrics may be asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from musekit.kernel.host import Host
from musekit.kernel.settings import CoreSettings

SECRET = "metrics-" + "m" * 40
GOOD = {"Authorization": f"Bearer {SECRET}"}
CRON = "cron-" + "s" * 40
#: (name, labels) → value
Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Numbers:
    """Read an exposition as Prometheus does."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def host(settings: CoreSettings) -> Iterator[Host]:
    from musekit.kernel.build import build_host

    secrets = {"metrics_secret": SecretStr(SECRET), "cron_secret": SecretStr(CRON)}
    built = build_host(settings.model_copy(update=secrets), strict=True, plugins=["musekit"])
    yield built
    built.close()


@pytest.fixture
def scrape(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Numbers]:
    from musekit.kernel import metrics

    monkeypatch.setattr(metrics, "FRESH", 0.0)

    def made() -> Numbers:
        answer = client.get("/metrics", headers=GOOD)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        return parsed(answer.text)

    return made
