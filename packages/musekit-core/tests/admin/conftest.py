"""A host with one product of three tiers, an operator, and people to look at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from musekit.auth.models import User
from musekit.declarations import Product, Tier
from musekit.email import service
from musekit.email.mail import Address
from musekit.email.models import OutboxMail
from musekit.kernel.actors import Actor
from musekit.kernel.build import build_host
from musekit.kernel.host import Host
from musekit.kernel.registry import Contribution
from musekit.kernel.settings import CoreSettings
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")
HTML = {"accept": "text/html"}
PRODUCT = Product(key="things", name="Things", summary="", home="/dashboard")
TIERS = [
    Tier(product="things", key=f"tier_{rank}", label=label, rank=rank, limits={"made": rank})
    for rank, label in enumerate(("Free", "More", "All"), 1)
]


@pytest.fixture
def host(settings: CoreSettings) -> Iterator[Host]:
    made = build_host(settings, plugins=["musekit"], strict=True)
    made.registry.frozen = False
    made.registry.accept(
        "musekit", Contribution(items={"products": [PRODUCT], "tiers": list(TIERS)})
    )
    made.registry.frozen = True
    yield made
    made.close()


@dataclass
class Browser:
    """The operator's browser: pages, forms sent from them, and what programs in it ask for."""

    user: SignedIn
    token: str = ""

    def page(self, path: str, **query: Any) -> Any:
        return self.user.client.get(
            path, params=query or None, headers=HTML, follow_redirects=False
        )

    def send(self, path: str, **form: Any) -> Any:
        answer = self._send(path, form) if self.token else None
        if answer is None or (answer.status_code == 403 and "earlier sign-in" in answer.text):
            found = re.search(r'name="csrf_token" value="([^"]+)"', self.page("/account").text)
            assert found
            self.token = found[1]
            answer = self._send(path, form)
        return answer

    def _send(self, path: str, form: dict[str, Any]) -> Any:
        return self.user.client.post(
            path, data={**form, "csrf_token": self.token}, headers=HTML, follow_redirects=False
        )

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Ask one of the operator's JSON routes."""
        url = f"/api/admin{path}"
        headers = {"content-type": "application/json"}  # also without a body: no form can send it
        return self.user.client.request(
            method, url, json=body, params=query or None, headers=headers
        )

    def got(self, path: str, **query: Any) -> Any:
        """Return what such a route gives."""
        answer = self.ask("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def operator(host: Host, make_user: Callable[..., SignedIn]) -> Browser:
    user = make_user("operator@example.com")
    with host.database.session(SYSTEM) as session:
        session.get_one(User, user.user_id).is_operator = True
    return Browser(user)


@pytest.fixture
def mail_id(host: Host) -> UUID:
    """A mail with a link that is its reader's alone."""
    with host.database.session(SYSTEM) as session:
        made = service.queue(
            session, host, "reset-password", to=Address(email="ada@example.com"),
            context={"url": "https://app.example/reset/canary-of-a-link", "minutes": 60},
        )  # fmt: skip
    assert made
    return made


def change_mail(host: Host, mail_id: UUID, **columns: Any) -> None:
    """Have a mail be in another state than it came to."""
    with host.database.session(SYSTEM) as session:
        session.execute(update(OutboxMail).where(OutboxMail.id == mail_id).values(**columns))
