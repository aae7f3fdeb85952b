"""Programs that read mail open every link in it: a page shows, and its button acts (D24).

Every kind of link there is; a route with a secret in its path that is missing here fails.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import inspect, text, update
from starlette.testclient import TestClient

from musekit.auth import set_up
from musekit.auth.models import User
from musekit.email import unsubscribing
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.web.access import access_of
from musekit.testing.pytest_plugin import PASSWORD, SignedIn

from .mailbox import link

SYSTEM = Actor.system("tests")
HTML = {"accept": "text/html"}
FRESH = "a pelican under umbrellas"
GUEST, NEW = "guest@example.com", "new@example.com"
#: Counted, and not what a link is about.
APART = {"rate_counters", "sqlite_stat1", "sqlite_stat4"}
MakeUser = Callable[..., SignedIn]


@dataclass
class Scene:
    """Somebody with an account, and their mailbox."""

    app: FastAPI
    host: Host
    ada: SignedIn
    client: TestClient

    def rows(self) -> dict[str, list[str]]:
        """Everything that is stored."""
        found = {}
        with self.host.database.session(SYSTEM, readonly=True) as session:
            connection = session.connection()
            for table in sorted(set(inspect(connection).get_table_names()) - APART):
                rows = connection.execute(text(f'SELECT * FROM "{table}"'))  # noqa: S608
                found[table] = sorted(str(tuple(row)) for row in rows)
        return found


def verify(it: Scene) -> str:
    it.client.post("/api/auth/sign-up", json={"email": NEW, "password": PASSWORD})
    it.client.cookies.clear()
    return link(it.host, NEW, "verify-email")


def reset(it: Scene) -> str:
    it.client.post("/api/auth/forgot", json={"email": it.ada.email})
    return link(it.host, it.ada.email, "reset-password")


def new_mailbox(it: Scene, side: str = "new") -> str:
    with it.host.database.session(SYSTEM) as session:
        session.execute(update(User).values(email_verified_at=utc_now()))
    assert it.ada.client.post("/api/auth/email", json={"email": NEW}).is_success
    return link(it.host, NEW if side == "new" else it.ada.email, f"change-email-{side}")


def old_mailbox(it: Scene) -> str:
    return new_mailbox(it, "old")


def invitation(it: Scene) -> str:
    made = it.ada.client.post("/api/organizations", json={"name": "Crew"}).json()
    space = {"space_id": made["space"]["id"]}
    assert it.ada.client.post("/api/spaces/switch", json=space).is_success
    url = f"/api/organizations/{made['organization']['id']}/invitations"
    assert it.ada.client.post(url, json={"email": GUEST, "role": "viewer"}).is_success
    return link(it.host, GUEST, "invitation")


def first_operator(it: Scene) -> str:
    return urlsplit(set_up.offer(it.host)).path


def unsubscribe(it: Scene) -> str:
    return urlsplit(unsubscribing.url(it.host, it.ada.user_id, "news")).path


@dataclass(frozen=True)
class Kind:
    """A kind of link: its route, how one comes by it, and what its button sends."""

    route: str
    make: Callable[[Scene], str]
    form: dict[str, str]
    inside: bool = False  #: its button is for somebody who is signed in
    once: bool = True
    stored: bool = True


KINDS = [
    Kind("/verify/{token}", verify, {}),
    Kind("/reset/{token}", reset, {"password": FRESH}),
    Kind("/change-email/{token}", new_mailbox, {}),
    Kind("/change-email/{token}", old_mailbox, {}),
    Kind("/invite/{token}", invitation, {}, inside=True),
    Kind("/set-up/{token}", first_operator, {"email": "first@example.com", "password": PASSWORD}),
    Kind("/unsubscribe/{token}", unsubscribe, {}, once=False, stored=False),
]


@pytest.fixture
def scene(app: FastAPI, host: Host, client: TestClient, make_user: MakeUser) -> Scene:
    return Scene(app, host, make_user("ada@example.com"), client)


def test_every_link_is_here(app: FastAPI) -> None:
    routes = {
        str(context.path)
        for context in iter_route_contexts(app.router.routes)
        if re.search(r"\{(token|secret|link|code)\}", str(context.path))
    }
    assert routes == {kind.route for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.make.__name__)
def test_looking_changes_nothing_and_the_button_acts(
    scene: Scene, kind: Kind, caplog: pytest.LogCaptureFixture, make_user: MakeUser
) -> None:
    path = kind.make(scene)
    guest = make_user(GUEST).client if kind.inside else TestClient(scene.app)
    secret = path.rpartition("/")[2]
    before = scene.rows()
    with caplog.at_level(logging.DEBUG):
        for browser in (TestClient(scene.app), guest):
            for headers in (HTML, {"accept": "*/*"}, {"user-agent": "Scanner/1.0"}):
                shown = browser.get(path, headers=headers)
                assert shown.status_code == 200, shown.text
                browser.head(path, headers=headers)
                browser.get(f"{path}?a=1", headers=headers | {"purpose": "prefetch"})
        assert scene.rows() == before, "to look at it has changed something"
        judge(shown.text, shown.headers)
        acted = press(guest, path, kind)
    assert acted.status_code in (200, 303), acted.text
    assert scene.rows() != before
    again = press(guest if kind.inside else TestClient(scene.app), path, kind)
    assert again.status_code in ({410, 404} if kind.once else {200}), again.status_code
    lines = [each for each in caplog.records if not each.name.startswith("httpx")]
    assert lines
    assert not [each for each in lines if secret in each.getMessage() + str(vars(each))]
    if kind.stored:
        assert not any(secret in row for rows in scene.rows().values() for row in rows)


def press(browser: TestClient, path: str, kind: Kind) -> Any:
    """Press the button of the page."""
    page = browser.get("/account" if kind.inside else path, headers=HTML).text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    form = kind.form | ({"csrf_token": token} if token else {})
    return browser.post(path, data=form, headers=HTML, follow_redirects=False)


def judge(page: str, headers: Any) -> None:
    """A page of a link sends nothing by itself, tells no other site, and is in no search."""
    assert 'method="post"' in page
    for act in ("http-equiv", "<script>", "onload", "hx-trigger", "data-autosubmit", ".submit("):
        assert act not in page, act
    for source in re.findall(r"""(?:src|href|action)="([^"]*)""", page):
        assert not source.startswith(("http", "//")), source  # nothing that would hear of it
    assert headers["x-robots-tag"] == "noindex"
    # Other sites hear nothing of the address by either; “no-referrer” takes the Origin from forms.
    assert headers["referrer-policy"] in ("no-referrer", "same-origin")
    assert re.search("no-store|private", headers["cache-control"])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.make.__name__)
@pytest.mark.parametrize("backend", ["sqlite"])
def test_guesses_are_counted(app: FastAPI, kind: Kind) -> None:
    """By address, in the database where no Redis counts; a link that is signed, as any page."""
    rules = [
        rule
        for context in iter_route_contexts(app.router.routes)
        if context.path == kind.route and (rule := access_of(context)) is not None
    ]
    assert len(rules) == 2
    for rule in rules:
        policy = rule.policy("GET")
        assert policy.per == "address"
        assert policy.hits <= (60 if kind.stored else 300)
        assert policy.away == ("database" if kind.stored else "memory")


def test_guessing_ends(scene: Scene) -> None:
    """10^6 guesses at 256 bits need no limit; it stands all the same."""
    visitor = TestClient(scene.app)
    codes = [visitor.get(f"/reset/{n:043d}", headers=HTML).status_code for n in range(40)]
    assert set(codes) == {410, 429}
    assert codes[-1] == 429
