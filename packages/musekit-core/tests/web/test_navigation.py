"""The navigation: who sees what, where a page belongs, and where each area is shown."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastapi import FastAPI

from musekit.auth.models import User
from musekit.declarations import NavItem
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.registry import Contribution
from musekit.kernel.web.navigation import current_entry, navigation_for, navigation_of
from musekit.testing.pytest_plugin import SignedIn

ITEMS = [
    NavItem(label="B", href="/b", group="Two", weight=1),
    NavItem(label="A", href="/a", group="One", weight=2, permission="things.read"),
    NavItem(label="C", href="/a/c", group="One", weight=3, permission="things.write"),
    NavItem(label="Me", href="/account", group="Account", area="account"),
    NavItem(label="Overview", href="/admin", group="Admin", area="admin", operator=True),
    NavItem(label="Users", href="/admin/users", group="Admin", area="admin", operator=True),
]
READER = Actor(kind="user", name="x", permissions=frozenset({"things.read"}))
OPERATOR = Actor(kind="user", name="x", is_operator=True)


def test_one_sees_what_one_may_open() -> None:
    groups = navigation_for(READER, ITEMS)
    assert [(each.label, [item.label for item in each.items]) for each in groups] == [
        ("Two", ["B"]), ("One", ["A"]),
    ]  # fmt: skip
    assert navigation_for(None, ITEMS) == []
    assert current_entry("/a/c/d", groups) == "/a"
    assert current_entry("/ab", groups) is None


def test_areas_keep_to_themselves() -> None:
    found = navigation_of(READER, ITEMS, "/account/tokens")
    assert (found.area, found.current) == ("account", "/account")
    assert [item.label for item in found.items("account")] == ["Me"]
    assert [group.label for group in found.sidebar] == ["Two", "One"]
    assert (found.home("account"), found.home("admin")) == ("/account", None)


def test_admin_pages_are_the_operators() -> None:
    found = navigation_of(OPERATOR, ITEMS, "/admin/users/1")
    assert (found.area, found.current, found.home("admin")) == ("admin", "/admin/users", "/admin")
    assert [item.label for group in found.sidebar for item in group.items] == ["Overview", "Users"]
    assert navigation_of(READER, ITEMS, "/admin/users/1").area == "app"
    assert navigation_of(None, ITEMS, "/admin").sidebar == []


def test_pages_show_the_tabs_of_their_area(
    app: FastAPI, host: Host, make_user: Callable[..., SignedIn]
) -> None:
    host.registry.frozen = False
    extra = NavItem(label="Stamps", href="/account/stamps", group="Account", area="account")
    hidden = NavItem(
        label="Engine", href="/admin/engine", group="Admin", area="admin", operator=True
    )
    host.registry.accept("musekit", Contribution({"navigation": [extra, hidden]}, set()))
    user = make_user()
    page = user.client.get("/account/tokens").text
    tabs = re.findall(r'<a href="(/account[^"]*)"( aria-current="page")?>', page)
    assert {"/account", "/account/tokens", "/account/sessions"} <= {href for href, _ in tabs}
    assert tabs[0][0] == "/account"
    assert [href for href, current in tabs if current] == ["/account/tokens"]
    assert "/account/stamps" in [href for href, _ in tabs]
    assert 'data-href="/account/stamps"' in page  # in the palette, too
    assert "/admin/engine" not in page

    with host.database.session(Actor.system("tests")) as session:
        session.get_one(User, user.user_id).is_operator = True
    page = user.client.get("/account").text
    assert "/admin/engine" in page  # in the palette; the menu lists those of the admin pages there
