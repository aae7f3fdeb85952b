"""The card of the dashboard: the plan, what is used of it, and what is near."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.products import service, tiers, usage
from musekit.testing.pytest_plugin import SignedIn

HTML = {"Accept": "text/html"}


def test_the_dashboard_shows_the_plan(
    host: Host, app: Any, make_user: Callable[..., SignedIn]
) -> None:
    ada = make_user()
    page = ada.client.get("/dashboard", headers=HTML)
    assert page.status_code == 200
    assert "Made a day" in page.text
    assert "A limit is near." not in page.text
    day = datetime.now(UTC).date().isoformat()
    with host.database.session(Actor.system("test")) as session:
        usage.take(
            session, ada.space_id, "things", [usage.Take("made", "made_per_day", day, 4)],
            tiers.allowance(host, "things", ada.space_id),
        )  # fmt: skip
    page = ada.client.get("/dashboard", headers=HTML)
    assert "4 / 5" in page.text
    assert "A limit is near." in page.text
    assert "More has more" in page.text


def test_who_may_not_see_it_sees_none(host: Host, make_user: Callable[..., SignedIn]) -> None:
    ada = make_user()
    assert service.card(host, None) is None
    nobody = Actor(kind="user", name="x", user_id=ada.user_id, space_id=ada.space_id)
    assert service.card(host, nobody) is None
