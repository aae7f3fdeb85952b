"""Unsubscribing: by the page or by the mail program's button, from one kind of mail alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient
from tests.support.smtp import Receiver

from musekit.auth.models import User
from musekit.declarations import EmailTemplate
from musekit.email import service
from musekit.email.delivery import deliver
from musekit.email.mail import Address
from musekit.email.models import Suppression
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.registry import Contribution
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")
HTML = {"accept": "text/html"}
CONTEXT = {"url": "https://x.example", "hours": 1}


@pytest.fixture
def host(host: Host) -> Host:
    """With a mail that one can do without."""
    template = EmailTemplate(
        key="news", label="News of the week", template="musekit/email/auth/verify-email",
        sample=lambda: CONTEXT, category="news",
    )  # fmt: skip
    host.registry.frozen = False
    host.registry.accept("musekit", Contribution(items={"email_templates": [template]}))
    host.registry.frozen = True
    return host


def queue(host: Host, user: SignedIn, template: str = "news") -> Any:
    with host.database.session(SYSTEM) as session:
        person = session.get_one(User, user.user_id)
        return service.queue(session, host, template, to=person, context=CONTEXT)


def link(server: Receiver) -> str:
    """The path that the mail's header names."""
    head = str(server.taken[-1].message["List-Unsubscribe"])
    assert server.taken[-1].message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert head.strip("<>") in server.taken[-1].text
    return urlsplit(head.strip("<>")).path


def wanted(host: Host) -> list[tuple[str, str, str]]:
    with host.database.session(SYSTEM, readonly=True) as session:
        rows = session.scalars(select(Suppression)).all()
    return [(row.email_key, row.category, row.reason) for row in rows]


@pytest.mark.parametrize("way", ["page", "one click"])
def test_one_kind_of_mail_ends(
    host: Host, client: TestClient, make_user: Callable[..., SignedIn], server: Receiver,
    by_smtp: Callable[..., None], way: str,
) -> None:  # fmt: skip
    by_smtp()
    user = make_user("ada@example.com")
    assert queue(host, user)
    deliver(host)
    path = link(server)
    page = client.get(path, headers=HTML)
    assert "News of the week" in page.text
    assert wanted(host) == []  # programs that look through mail open links
    for _ in range(2):
        if way == "page":
            answer = client.post(path, headers=HTML)
        else:  # from somewhere else, without a cookie (RFC 8058)
            answer = client.post(
                path, data={"List-Unsubscribe": "One-Click"},
                headers={"origin": "https://mail.example", "sec-fetch-site": "cross-site"},
            )  # fmt: skip
        assert answer.status_code == 200
    assert wanted(host) == [("ada@example.com", "news", "unsubscribed")]
    assert queue(host, user) is None
    assert queue(host, user, "verify-email")


def test_a_link_that_we_have_not_signed_ends_nothing(
    host: Host, client: TestClient, make_user: Callable[..., SignedIn]
) -> None:
    make_user()
    for token in ("x", "x" * 40, "A" * 64):
        assert client.get(f"/unsubscribe/{token}", headers=HTML).status_code == 404
        assert client.post(f"/unsubscribe/{token}", headers=HTML).status_code == 404
    assert wanted(host) == []


def test_mail_that_one_can_do_without_goes_to_users_only(host: Host) -> None:
    with host.database.session(SYSTEM) as session, pytest.raises(ValueError, match="unsubscribe"):
        service.queue(
            session, host, "news", to=Address(email="stranger@example.com"), context=CONTEXT
        )
