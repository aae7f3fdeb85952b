"""The list of people: for the operator alone, searched, filtered, and read to its end."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from musekit.auth.models import User
from musekit.kernel import listing
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")
#: What has been typed into filters elsewhere (D34); none of it is part of a statement.
EVIL = [
    "' OR 1=1 --", "%", "_", "\\", "'; DROP TABLE users; --", "\0", "a%' AND '1'='1", "*", "(", "[",
    "{}", "$1", ":x", "?", "%s", "%%", "é" * 300, "\u202e", "🦤", "NULL", "1) UNION SELECT 1 --",
]  # fmt: skip


def people(host: Host, *, count: int, **columns: Any) -> list[str]:
    start = utc_now() - timedelta(days=1)
    made = []
    with host.database.session(SYSTEM) as session:
        for at in range(count):
            email = f"person{at:03}@crowd.example"
            made.append(email)
            # Several at each moment: the key tells them apart.
            moment = start + timedelta(seconds=at // 3)
            session.add(User(email=email, email_key=email, created_at=moment, **columns))
    return made


def listed(page: Any) -> list[str]:
    return re.findall(r"person\d+@crowd\.example", page.text)


def test_every_person_is_listed_once_over_all_pages(
    host: Host, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = people(host, count=120)
    seen: list[str] = []
    page = operator.page("/admin/users", search="crowd")
    while True:
        seen += listed(page)
        more = re.search(r'href="(/admin/users\?[^"]+)" rel="next"', page.text)
        if not more:
            break
        page = operator.page(more[1].replace("&amp;", "&"))
    assert len(seen) == len(set(seen)) == 120
    assert set(seen) == set(made)
    assert seen[0] == "person119@crowd.example" or seen[0] in made[-3:]
    assert "120 people" in page.text


def test_search_and_filters(host: Host, operator: Any, make_user: Callable[..., SignedIn]) -> None:
    people(host, count=3, email_verified_at=utc_now())
    people_page = operator.page("/admin/users", search="PERSON001@Crowd")
    assert listed(people_page) == ["person001@crowd.example"]
    assert "operator@example.com" not in people_page.text.partition("<main")[2]
    only = operator.page("/admin/users", state="operators").text.partition("<main")[2]
    assert "operator@example.com" in only
    assert "crowd.example" not in only
    assert listed(operator.page("/admin/users", state="unconfirmed")) == []
    assert operator.page("/admin/users", state="closed").text.count("Nobody is like that") == 1
    assert operator.page("/admin/users", state="evil").status_code == 422


def test_what_is_typed_into_the_search_is_a_text(host: Host, operator: Any) -> None:
    people(host, count=2)
    for evil in EVIL:
        page = operator.page("/admin/users", search=evil)
        assert page.status_code == 200, evil
        assert listed(page) == [] or evil.strip("\0") == "", evil


def test_a_cursor_is_ours_or_refused(host: Host, operator: Any) -> None:
    people(host, count=60)
    page = operator.page("/admin/users", search="crowd")
    more = re.search(r'after=([\w%-]+)" rel="next"', page.text)
    assert more
    for evil in (more[1][:-3] + "AAA", "x", "ü", "A" * 200, more[1][::-1]):
        assert operator.page("/admin/users", after=evil).status_code == 422, evil
    assert len(listed(page)) == listing.SIZE


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("path", ["/admin", "/admin/users", "/admin/email"])
def test_only_the_operator_sees_these_pages(
    operator: Any, make_user: Callable[..., SignedIn], path: str
) -> None:
    assert operator.page(path).status_code == 200
    other = make_user()
    assert other.client.get(path).status_code == 403
    assert other.client.get(path, headers=operator.user.headers).status_code == 403  # by a token
    assert "/admin" not in other.client.get("/dashboard", headers={"accept": "text/html"}).text


def test_the_overview_says_how_all_is(host: Host, operator: Any) -> None:
    page = operator.page("/admin").text
    assert "no job has ever run here" in page  # all there is to say; each check has its own page
    assert "musekit-core" in page
    assert host.registry.plugins[0].version in page
