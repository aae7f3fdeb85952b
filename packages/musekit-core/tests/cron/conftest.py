"""A host with a cron secret, no worker, and jobs of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from musekit.declarations import Job
from musekit.kernel.host import Host
from musekit.kernel.registry import Contribution
from musekit.kernel.settings import CoreSettings

SECRET = "cron-" + "s" * 40
GOOD = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture
def host(settings: CoreSettings) -> Iterator[Host]:
    from musekit.kernel.build import build_host

    given = settings.model_copy(update={"cron_secret": SecretStr(SECRET)})
    built = build_host(given, strict=True, plugins=["musekit"])
    yield built
    built.close()


@pytest.fixture
def declare(host: Host) -> Callable[..., list[Any]]:
    """Declare a job; return the list of its runs."""

    def made(name: str, handler: Callable[[Any], None] | None = None, **more: Any) -> list[Any]:
        runs: list[Any] = []

        def noting(run: Any) -> None:
            runs.append(run)
            if handler is not None:
                handler(run)

        host.registry.frozen = False
        job = Job(name=name, handler=noting, **more)
        host.registry.accept("musekit", Contribution(items={"jobs": [job]}))
        return runs

    return made


@pytest.fixture
def call(client: TestClient) -> Callable[..., dict[str, Any]]:
    """Call the endpoint; return what it says."""

    def made(method: str = "GET") -> dict[str, Any]:
        answer = client.request(method, "/api/cron/work", headers=GOOD)
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert "ratelimit-limit" not in answer.headers
        found: dict[str, Any] = answer.json()
        return found

    return made
