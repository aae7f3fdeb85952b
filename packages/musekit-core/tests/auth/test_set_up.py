"""The first operator: by a link of the machine, once, and never again (D32)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update
from starlette.testclient import TestClient

from musekit.auth import set_up
from musekit.auth.models import OneTimeLink, User
from musekit.errors import ConflictError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD, SignedIn

SYSTEM = Actor.system("tests")
HTML = {"accept": "text/html"}
NEW = {"email": "ada@example.com", "password": PASSWORD, "name": "Ada"}
MakeUser = Callable[..., SignedIn]


def path_of(host: Host) -> str:
    url = set_up.offer(host)
    assert url.startswith(f"{host.settings.public_url}/set-up/")
    return url.removeprefix(host.settings.public_url)


def operators(host: Host) -> list[str]:
    with host.database.session(SYSTEM, readonly=True) as session:
        return list(session.scalars(select(User.email).where(User.is_operator)))


def token_in(page: str) -> str:
    return page.partition('name="csrf_token" value="')[2].partition('"')[0]


def test_a_new_account(host: Host, client: TestClient) -> None:
    path = path_of(host)
    assert "Run this deployment" in client.get(path, headers=HTML).text
    weak = client.post(path, data=NEW | {"password": "password1"}, headers=HTML)
    assert weak.status_code == 422
    assert operators(host) == []
    done = client.post(path, data=NEW, headers=HTML, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, "/admin")
    assert operators(host) == ["ada@example.com"]
    assert client.get("/admin", headers=HTML).status_code == 200


def test_who_is_signed_in(host: Host, make_user: MakeUser) -> None:
    bob = make_user("bob@example.com")
    path = path_of(host)
    before = bob.client.cookies["musekit_session"]
    page = bob.client.get(path, headers=HTML).text
    assert "bob@example.com" in page
    assert 'name="password"' not in page
    forged = bob.client.post(path, headers=HTML)
    assert forged.status_code == 403  # another site must not press the button
    done = bob.client.post(path, data={"csrf_token": token_in(page)}, follow_redirects=False)
    assert done.headers["location"] == "/admin"
    assert bob.client.cookies["musekit_session"] != before
    assert operators(host) == ["bob@example.com"]


def test_dead_afterwards(host: Host, client: TestClient, make_user: MakeUser) -> None:
    path = path_of(host)
    user = make_user()
    with host.database.session(SYSTEM) as session:
        session.get_one(User, user.user_id).is_operator = True
    assert client.get(path, headers=HTML).status_code == 404
    assert client.post(path, data=NEW, headers=HTML).status_code == 404
    assert client.get("/set-up/" + "x" * 43, headers=HTML).status_code == 404
    assert len(operators(host)) == 1
    with pytest.raises(ConflictError):
        set_up.offer(host)
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalar(select(func.count()).select_from(User)) == 1


def test_a_later_link_ends_the_one_before(host: Host, client: TestClient) -> None:
    first, second = path_of(host), path_of(host)
    assert client.get(first, headers=HTML).status_code == 410
    assert client.get(second, headers=HTML).status_code == 200
    with host.database.session(SYSTEM) as session:
        session.execute(update(OneTimeLink).values(expires_at=utc_now() - timedelta(seconds=1)))
    assert client.post(second, data=NEW, headers=HTML).status_code == 410


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "%00" * 4, "x" * 5000])
def test_guesses(host: Host, client: TestClient, token: str) -> None:
    path_of(host)
    assert client.get(f"/set-up/{token}", headers=HTML).status_code in (404, 410)
    assert client.post(f"/set-up/{token}", data=NEW, headers=HTML).status_code in (404, 405, 410)
    assert operators(host) == []


def test_one_of_many_at_once(host: Host, app: FastAPI) -> None:
    path = path_of(host)
    ready = threading.Barrier(4)

    def press(n: int) -> None:
        browser = TestClient(app)
        ready.wait()
        browser.post(path, data=NEW | {"email": f"p{n}@example.com"}, follow_redirects=False)

    threads = [threading.Thread(target=press, args=(n,)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(operators(host)) == 1
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalar(select(func.count()).select_from(User)) == 1


def test_a_token_is_no_browser(app: FastAPI, host: Host, make_user: MakeUser) -> None:
    user = make_user()
    answer = TestClient(app).post(path_of(host), headers=user.headers | HTML)
    assert answer.status_code == 403
    assert operators(host) == []
