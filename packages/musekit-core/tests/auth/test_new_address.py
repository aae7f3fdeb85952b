"""Another address: both mailboxes agree, whatever the order, and nobody else's is taken."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import update
from starlette.testclient import TestClient

from musekit.auth import service
from musekit.auth.models import OneTimeLink, User
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD, SignedIn

from .mailbox import link, mails

SYSTEM = Actor.system("tests")
OLD, NEW = "ada@example.com", "lovelace@example.com"
HTML = {"accept": "text/html"}
MakeUser = Callable[..., SignedIn]


@pytest.fixture
def ada(make_user: MakeUser, host: Host) -> SignedIn:
    made = make_user(OLD)
    confirmed(host, made)
    return made


def confirmed(host: Host, user: SignedIn) -> None:
    with host.database.session(SYSTEM) as session:
        session.get_one(User, user.user_id).email_verified_at = utc_now()


def ask(user: SignedIn, address: str = NEW) -> int:
    return user.client.post("/api/auth/email", json={"email": address}).status_code


def links(host: Host) -> dict[str, str]:
    """The paths in the newest mails, by side."""
    return {
        "new": link(host, NEW, "change-email-new"), "old": link(host, OLD, "change-email-old")
    }  # fmt: skip


def address_of(host: Host, user: SignedIn) -> str:
    with host.database.session(SYSTEM, readonly=True) as session:
        return session.get_one(User, user.user_id).email


@pytest.mark.parametrize("order", [("new", "old"), ("old", "new")])
def test_both_mailboxes_agree(
    app: FastAPI, host: Host, client: TestClient, ada: SignedIn, order: tuple[str, str]
) -> None:
    elsewhere = TestClient(app)
    elsewhere.post("/api/auth/sign-in", json={"email": OLD, "password": PASSWORD})
    assert ask(ada) == 202
    paths = links(host)
    shown = client.get(paths["new"], headers=HTML)
    assert shown.headers["x-robots-tag"] == "noindex"
    assert NEW in shown.text
    assert OLD not in shown.text  # it may be a stranger's mailbox, mistyped
    assert OLD in client.get(paths["old"], headers=HTML).text

    half = ada.client.post(
        "/api/auth/email/confirm", json={"link": paths[order[0]].rpartition("/")[2]}
    )
    assert half.json() == {"email": NEW, "done": False}
    assert address_of(host, ada) == OLD
    assert elsewhere.get("/api/auth/me").status_code == 200
    page = ada.client.get("/account/security", headers=HTML).text
    assert (page.count("agrees"), page.count("not yet")) == (1, 1)

    done = ada.client.post(
        "/api/auth/email/confirm", json={"link": paths[order[1]].rpartition("/")[2]}
    )
    assert done.json() == {"email": NEW, "done": True}
    assert address_of(host, ada) == NEW
    assert ada.client.get("/api/auth/me").json()["user"]["email"] == NEW
    assert elsewhere.get("/api/auth/me").status_code == 401
    for address in (OLD, NEW):
        (told,) = mails(host, address, "email-changed")
        assert OLD in told
        assert NEW in told
    signed = {"email": NEW, "password": PASSWORD}
    assert client.post("/api/auth/sign-in", json=signed).status_code == 200
    assert client.post("/api/auth/sign-in", json=signed | {"email": OLD}).status_code == 401
    for path in paths.values():
        assert TestClient(app).post(path, headers=HTML).status_code == 410


def test_a_stranger_who_follows_the_last_link_is_not_let_in(
    host: Host, client: TestClient, ada: SignedIn
) -> None:
    ask(ada)
    for path in links(host).values():
        done = client.post(path, headers=HTML, follow_redirects=False)
        assert (done.status_code, done.headers["location"]) == (303, "/sign-in")
    assert address_of(host, ada) == NEW
    assert client.get("/api/auth/me").status_code == 401
    assert ada.client.get("/api/auth/me").status_code == 401  # no browser of theirs followed it


def test_both_links_at_the_same_moment(host: Host, app: FastAPI, ada: SignedIn) -> None:
    ask(ada)
    paths = links(host)
    ready = threading.Barrier(2)

    def follow(path: str) -> None:
        browser = TestClient(app)
        ready.wait()
        browser.post(path, headers=HTML, follow_redirects=False)

    threads = [threading.Thread(target=follow, args=(path,)) for path in paths.values()]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert address_of(host, ada) == NEW


def test_an_address_that_was_never_proven_is_not_asked(
    host: Host, client: TestClient, make_user: MakeUser
) -> None:
    user = make_user(OLD)
    assert ask(user) == 202
    assert mails(host, OLD, "change-email-old") == []
    client.post(link(host, NEW, "change-email-new"), headers=HTML)
    assert address_of(host, user) == NEW
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.get_one(User, user.user_id).email_verified_at is not None


def test_a_second_wish_replaces_the_first(host: Host, client: TestClient, ada: SignedIn) -> None:
    ask(ada, "first@example.com")
    early = link(host, "first@example.com", "change-email-new")
    spent = link(host, OLD, "change-email-old")
    assert client.post(spent, headers=HTML, follow_redirects=False).status_code == 303
    ask(ada)
    assert client.get(early, headers=HTML).status_code == 410
    client.post(links(host)["new"], headers=HTML)
    assert address_of(host, ada) == OLD  # the agreement of before was to another address
    client.post(links(host)["old"], headers=HTML)
    assert address_of(host, ada) == NEW


def test_it_can_be_forgotten(host: Host, client: TestClient, ada: SignedIn) -> None:
    ask(ada)
    paths = links(host)
    assert ada.client.delete("/api/auth/email").status_code == 204
    for path in paths.values():
        assert client.post(path, headers=HTML).status_code == 410
    assert "about to change" not in ada.client.get("/account/security", headers=HTML).text


def test_a_link_is_good_for_a_time(host: Host, client: TestClient, ada: SignedIn) -> None:
    ask(ada)
    paths = links(host)
    with host.database.session(SYSTEM) as session:
        session.execute(update(OneTimeLink).values(expires_at=utc_now() - timedelta(seconds=1)))
    assert [client.post(each, headers=HTML).status_code for each in paths.values()] == [410, 410]


@pytest.mark.parametrize("address", [OLD, "no address", "", "bob@example.com", "BOB@example.com"])
def test_what_cannot_be_taken(ada: SignedIn, make_user: MakeUser, address: str) -> None:
    make_user("bob@example.com")
    assert ask(ada, address) == 422


def test_somebody_else_gets_it_first(host: Host, client: TestClient, ada: SignedIn) -> None:
    ask(ada)
    paths = links(host)
    client.post(paths["old"], headers=HTML)
    with host.database.session(SYSTEM) as session:
        service.sign_up(session, NEW, PASSWORD)
    refused = client.post("/api/auth/email/confirm", json={"link": paths["new"].rpartition("/")[2]})
    assert refused.status_code == 422
    assert address_of(host, ada) == OLD


def test_mails_are_not_sent_without_end(ada: SignedIn) -> None:
    codes = [ask(ada, f"to-{n}@example.com") for n in range(7)]
    assert codes == [202] * 5 + [429] * 2


def test_a_link_of_another_kind_is_none(host: Host, client: TestClient, ada: SignedIn) -> None:
    ask(ada)
    secret = links(host)["new"].rpartition("/")[2]
    assert client.post("/api/auth/verify", json={"link": secret}).status_code == 410
    body = {"link": secret, "password": "a pelican under umbrellas"}
    assert client.post("/api/auth/reset", json=body).status_code == 410
