"""The sandbox network seen from outside: consent, ledger, faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from passivepost_platform_sandbox.network import background


class Sandbox:
    """A network at `url`; what it has taken is in its own ledger."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=20)

    def consent(self, username: str) -> Any:
        """Return a consent for `Person.connect`: somebody allows what the page asks."""

        def allow(authorize_url: str) -> httpx.Response:
            asked = dict(parse_qsl(urlsplit(authorize_url).query))
            form = {**asked, "decision": "allow", "username": username}
            return self._http.post("/oauth/authorize", data=form)

        return allow

    def faults(self, *rules: dict[str, Any]) -> None:
        """Put faults in force, in place of those before."""
        self._http.put("/faults", json=list(rules)).raise_for_status()

    def texts(self, mark: str = "") -> list[str]:
        """Return the text of every post it ever accepted that holds a mark."""
        found = self._http.get("/ledger", params={"kind": "post", "accepted": "1"}).json()["items"]
        return [line["text"] for line in found if mark in (line["text"] or "")]

    def summary(self) -> dict[str, Any]:
        """Return its counts, and what was accepted twice."""
        answer: dict[str, Any] = self._http.get("/ledger/summary").json()
        return answer


@contextmanager
def sandbox(folder: Path) -> Iterator[Sandbox]:
    """Run a network in a thread of the test, on a free port."""
    with background.running(folder) as server:
        yield Sandbox(server.url)
