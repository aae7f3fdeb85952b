"""SIGTERM at a web process: it says so first, ends what is under way, and cuts nothing."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.deployment import PASSWORD, Deployment, deployed, wait_for

LINGER = 4.0


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with deployed(
        tmp_path, MUSEKIT_WEB_LINGER_SECONDS=str(LINGER), MUSEKIT_LIMIT_SIGN_UP="1000/60",
        MUSEKIT_LOG_FORMAT="json",
    ) as made:  # fmt: skip
        yield made


def half_sent(port: int, email: str) -> tuple[http.client.HTTPConnection, bytes]:
    """Begin a request; return its connection and what is still to be sent."""
    body = json.dumps({"email": email, "password": PASSWORD}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("POST", "/api/auth/sign-up")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(body)))
    connection.putheader("Sec-Fetch-Site", "same-origin")
    connection.endheaders(body[:10])
    return connection, body[10:]


def test_requests_under_way_end_and_readyz_is_red_first(deployment: Deployment) -> None:
    process = deployment.serve()
    assert httpx.get(f"{deployment.url}/readyz").status_code == 200
    begun = [half_sent(deployment.port, f"half-{n}@example.com") for n in range(10)]

    def whole(number: int) -> int:
        body = {"email": f"whole-{number}@example.com", "password": PASSWORD}
        return httpx.post(f"{deployment.url}/api/auth/sign-up", json=body, timeout=30).status_code

    with ThreadPoolExecutor(10) as pool:
        answers = [pool.submit(whole, number) for number in range(10)]
        time.sleep(0.1)
        process.popen.terminate()

        def red() -> Any:
            answer = httpx.get(f"{deployment.url}/readyz")
            return answer if answer.status_code == 503 else None

        said = wait_for(red, LINGER, pause=0.02)
        assert said.json() == {"status": "stopping"}
        assert httpx.get(f"{deployment.url}/healthz").status_code == 200
        assert httpx.get(f"{deployment.url}/sign-in").status_code == 200  # still served
        assert [each.result() for each in answers] == [201] * 10

    def refused() -> bool:
        try:
            httpx.get(f"{deployment.url}/healthz")
        except httpx.ConnectError:
            return True
        return False

    wait_for(refused, LINGER + 3, pause=0.02)
    assert process.popen.poll() is None  # ten requests are still under way
    for connection, rest in begun:
        connection.send(rest)
    assert [connection.getresponse().status for connection, _ in begun] == [201] * 10
    process.popen.wait(10)
    assert "Traceback" not in process.said


def test_a_second_sigterm_does_not_wait(deployment: Deployment) -> None:
    process = deployment.serve(MUSEKIT_WEB_LINGER_SECONDS="60")
    process.popen.terminate()
    wait_for(lambda: httpx.get(f"{deployment.url}/readyz").status_code == 503, 5, pause=0.02)
    process.popen.terminate()
    process.popen.wait(5)


def test_each_of_several_processes_lingers(deployment: Deployment) -> None:
    process = deployment.serve("--workers", "2")
    process.popen.terminate()
    told = time.monotonic()
    wait_for(lambda: httpx.get(f"{deployment.url}/readyz").status_code == 503, LINGER, pause=0.02)
    process.popen.wait(15)
    assert time.monotonic() - told > 0.8 * LINGER
    assert "Traceback" not in process.said
