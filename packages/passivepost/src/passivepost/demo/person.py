"""The sample person's browser: signs in, makes a token, connects an account. All over HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

if TYPE_CHECKING:
    from types import ModuleType

    import httpx


class DemoError(RuntimeError):
    """A step of filling the demo did not work; the message says which and what was answered."""


def browser() -> ModuleType:
    """Return httpx. It comes with the extra ``demo``: nothing else of PassivePost needs it."""
    try:
        import httpx
    except ModuleNotFoundError as error:
        raise DemoError(
            "The sample person's browser, httpx, is not installed. Nothing was made. Stop, run "
            "pip install 'passivepost[demo]', and start again."
        ) from error
    return httpx


class Person:
    """A browser session at `base_url`, closed by ``close()``. `DemoError` without httpx."""

    def __init__(self, base_url: str) -> None:
        self._http: httpx.Client = browser().Client(
            base_url=base_url, timeout=30, follow_redirects=False, trust_env=False
        )

    def close(self) -> None:
        """Close the browser."""
        self._http.close()

    def enter(self, email: str, password: str, name: str) -> None:
        """Sign in; sign up first if there is no such person."""
        credentials = {"email": email, "password": password}
        answer = self._http.post("/api/auth/sign-in", json=credentials)
        if answer.status_code == 401:
            answer = self._http.post("/api/auth/sign-up", json={**credentials, "name": name})
        self._must("signing in", answer)

    def get(self, path: str) -> Any:
        """Return the JSON of a page."""
        return self._must(f"GET {path}", self._http.get(path)).json()

    def post(self, path: str, body: Mapping[str, Any], *, key: str | None = None) -> Any:
        """Post JSON; a `key` makes a repeat harmless."""
        headers = {"Idempotency-Key": key} if key else {}
        answer = self._http.post(path, json=dict(body), headers=headers)
        return self._must(f"POST {path}", answer).json()

    def accepts(self, token: str) -> bool:
        """Tell whether an API token works. The browser's cookie is left out."""
        with browser().Client(base_url=self._http.base_url, trust_env=False) as other:
            answer = other.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})
            return bool(answer.status_code == 200)

    def connect(self, authorize_url: str, username: str) -> None:
        """Do what a person does on the network's page: choose an account, press Allow."""
        page = self._must("the network's sign-in", self._http.get(authorize_url))
        ticket = re.search(r'name="ticket" value="([^"]+)"', page.text)
        action = re.search(r'action="([^"]+)"', page.text)
        if ticket is None or action is None:
            raise DemoError("The sandbox network asked nothing when an account was connected.")
        answer = self._http.get(
            urljoin(authorize_url, action[1]),
            params={"ticket": ticket[1], "username": username, "decision": "allow"},
        )
        back = answer.headers.get("location")
        if answer.status_code != 303 or not back:
            raise DemoError(f"The sandbox network answered “Allow” with {answer.status_code}.")
        self._must("coming back from the network", self._http.get(back), most=399)

    @staticmethod
    def _must(step: str, answer: httpx.Response, *, most: int = 299) -> httpx.Response:
        if answer.status_code > most:
            raise DemoError(f"{step}: {answer.status_code} {answer.text[:300]}")
        return answer
