"""Browsers that come by other services, and what they then are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient
from tests.support.evil_oidc import CLIENT_ID, CLIENT_SECRET, Evil, way_back

from musekit.auth.federation.models import UserIdentity
from musekit.kernel.actors import Actor
from musekit.kernel.build import build_host
from musekit.kernel.host import Host
from musekit.kernel.settings import CoreSettings

SYSTEM = Actor.system("tests")
HTML = {"accept": "text/html"}


@contextmanager
def host_with(settings: CoreSettings, monkeypatch: Any, one: Evil, two: Evil) -> Iterator[Host]:
    """A host of the core alone, with the providers ``one``, ``two`` and GitHub (played by one)."""
    apps = [
        {"key": key, "label": key.title(), "issuer": each.url, "client_id": CLIENT_ID,
         "client_secret": CLIENT_SECRET}
        for key, each in (("one", one), ("two", two))
    ]  # fmt: skip
    monkeypatch.setenv("MUSEKIT_AUTH_OIDC", json.dumps(apps))
    monkeypatch.setenv("MUSEKIT_AUTH_GITHUB_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("MUSEKIT_AUTH_GITHUB_CLIENT_SECRET", CLIENT_SECRET)
    monkeypatch.setenv("MUSEKIT_AUTH_GITHUB_URL", one.url)
    monkeypatch.setenv("MUSEKIT_AUTH_GITHUB_API_URL", one.url)
    monkeypatch.setenv("MUSEKIT_LIMIT_SIGN_IN_ADDRESS", "1000000/900")
    built = build_host(settings, plugins=[], strict=True)
    for each in (one, two):
        parts = urlsplit(each.url)
        built.outbound.allow(str(parts.hostname), int(parts.port or 0))
    try:
        yield built
    finally:
        built.close()


@dataclass
class Browser:
    """A person's browser at our site."""

    client: TestClient
    evil: Evil

    @classmethod
    def new(cls, app: FastAPI, evil: Evil) -> Browser:
        return cls(TestClient(app, follow_redirects=False, headers=HTML), evil)

    def begin(self, key: str = "one", **query: str) -> str:
        """Press the button of a provider; return where that leads."""
        answer = self.client.get(f"/sign-in/with/{key}", params=query)
        assert answer.status_code == 303, answer.text
        target = str(answer.headers["location"])
        assert target.startswith("http"), target
        return target

    def said(self, sub: str, email: str = "", key: str = "one", **person: Any) -> dict[str, str]:
        """Agree at the provider; return what it sends back."""
        return self.evil.agree(self.begin(key), sub, email or f"{sub}@example.org", **person)

    def come(self, sub: str, email: str = "", key: str = "one", **person: Any) -> Any:
        """Come in."""
        return self.client.get(way_back(key, self.said(sub, email, key, **person)))

    def press(self, path: str, **form: str) -> Any:
        """Send a form of ours, with the token that its page would hold."""
        shown = self.client.get("/account").text
        token = shown.partition('name="csrf_token" value="')[2].partition('"')[0]
        return self.client.post(path, data={"csrf_token": token, **form})

    def link(self, key: str = "one") -> str:
        """Ask to link an account elsewhere; return where that leads."""
        answer = self.press(f"/account/identities/{key}/link")
        assert answer.status_code == 303, answer.text
        target = str(answer.headers["location"])
        assert target.startswith("http"), target
        return target

    @property
    def email(self) -> str:
        """Who is signed in; empty for nobody."""
        answer = self.client.get("/api/auth/me", headers={"accept": "application/json"})
        return str(answer.json()["user"]["email"]) if answer.is_success else ""


def links(host: Host) -> set[tuple[str, str, str]]:
    """Provider, subject and user of every identity there is."""
    with host.database.session(SYSTEM, readonly=True) as session:
        rows = session.scalars(select(UserIdentity)).all()
    return {(each.provider, each.subject, str(each.user_id)) for each in rows}
