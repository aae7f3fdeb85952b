"""Every page of the application in a browser: accessible, quiet, and not too wide, in every look.

The pages are the routes of the application, so a new one is looked at by existing; where its
address has a parameter, `tests/e2e/pages/samples.py` or its row of the isolation matrix says whose
thing is shown. Pictures of all of them go to the folder MUSEKIT_SCREENSHOTS, if that is set.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update
from tests.e2e.pages.people import cookies_of, world_of_pages
from tests.e2e.pages.samples import NO_PAGES, OF_THE_SANDBOX, STATES, is_page, where
from tests.isolation.routes import Route, routes_of
from tests.isolation.world import SYSTEM, World
from tests.support.chromium import launched
from tests.support.looking import EVERY, Looker

from musekit.auth import set_up
from musekit.auth.models import User, UserSession
from musekit.auth.second_factors import flows
from musekit.kernel.ratelimit.policies import PUBLIC

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

#: Pages by where they begin; what fits nowhere else is in the last.
AREAS = ("/account", "/organization", "/admin", "/billing", "/dashboard", "/sign-in", "/")
#: Somebody new sees these, too: what is there while nothing is.
EMPTY = ("/organization", "/billing", "/dashboard")
#: Pages that are there in some moments only: each has a test of its own below.
IN_A_MOMENT = {"/set-up/{token}", "/sign-in/second-factor"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_of_pages(tmp_path_factory.mktemp("pages")) as made:
        yield made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def seen_by(world: World, chromium: Browser) -> Iterator[Any]:
    """Give people who look, by name; what they found wrong fails the test."""
    eyes: dict[str, Looker] = {}
    named = os.environ.get("MUSEKIT_SCREENSHOTS")

    def by(who: str) -> Looker:
        if who not in eyes:
            eyes[who] = Looker(
                chromium, world.url, EVERY, Path(named) if named else None,
                cookies_of(world.people.get(who)),
            )  # fmt: skip
        return eyes[who]

    yield by
    for each in eyes.values():
        each.page.context.close()
    faults = [fault for each in eyes.values() for fault in each.faults]
    assert not faults, "\n".join(faults)


def area_of(path: str) -> str:
    """Return the first of the areas that a path is in."""
    return next(area for area in AREAS if path.startswith(area))


def who_looks(route: Route) -> str:
    """Return whose page it is."""
    if route.kind == "operator":
        return "operator"
    if route.path.startswith("/account/webhooks"):
        return "solo"  # in the space of an organization these pages lead on to its own
    return "visitor" if route.is_public else "team"


def named(path: str) -> str:
    """Return what a picture of a page is called."""
    parts = (part.strip("{}").partition(":")[0] for part in path.split("/") if part)
    return "-".join(parts) or "start"


@pytest.mark.parametrize("area", AREAS)
def test_pages_stand_in_every_look(world: World, seen_by: Any, area: str) -> None:
    looked = 0
    for route in routes_of(world.app):
        if not is_page(route) or route.path in IN_A_MOMENT or area_of(route.path) != area:
            continue
        who = who_looks(route)
        path = where(world, route, world.people["solo" if who == "solo" else "team"])
        answer = seen_by(who).go(path, named(route.path), 200)
        kind = answer.headers.get("content-type", "")
        led_on = answer.request.redirected_from is not None
        assert kind.startswith("text/html"), f"{route.key} is no page, but {kind}: see NO_PAGES"
        assert not led_on, f"{path} led on to {answer.url}: see NO_PAGES"
        if who == "team" and path == route.path and path.startswith(EMPTY):
            seen_by("newcomer").go(route.path, f"empty-{named(route.path)}", 200)
        looked += 1
    assert looked


def test_further_states(seen_by: Any) -> None:
    for number, (who, path) in enumerate(STATES):
        seen_by(who).go(path, f"state-{number}-{named(path.partition('?')[0])}", 200)


def test_what_is_no_page_is_a_route(world: World) -> None:
    """The lists of what is left out, and of what is looked at elsewhere, hold nothing else."""
    keys = {route.key for route in routes_of(world.app)}
    assert keys >= {*NO_PAGES, *OF_THE_SANDBOX, *(f"GET {path}" for path in IN_A_MOMENT)}


def test_the_first_operator_and_the_second_factor(world: World, seen_by: Any) -> None:
    with world.host.database.session(SYSTEM) as session:
        operators = update(User).where(User.id == world.people["operator"].user_id)
        session.execute(operators.values(is_operator=False))
    try:
        seen_by("visitor").go(set_up.offer(world.host).removeprefix(world.url), "set-up", 200)
    finally:
        with world.host.database.session(SYSTEM) as session:
            session.execute(operators.values(is_operator=True))
    with world.host.database.session(SYSTEM) as session:
        secret = flows.begin(session, world.people["team"].user_id, ["password"], "/dashboard")
    half_way = seen_by("somebody half-way in")
    half_way.page.context.add_cookies(
        [{"name": f"musekit_{flows.COOKIE}", "value": secret, "url": world.url}]
    )
    half_way.go("/sign-in/second-factor", "second-factor", 200)


def test_somebody_acts_as_somebody_else(world: World, seen_by: Any) -> None:
    """The banner stands on every page, also on those without the frame."""
    team, operator = world.people["team"], world.people["operator"]
    acting = update(UserSession).where(UserSession.id == team.session_id)
    with world.host.database.session(SYSTEM) as session:
        session.execute(
            acting.values(
                impersonator_user_id=operator.user_id, impersonator_session_id=operator.session_id
            )
        )
    try:
        for path in ("/dashboard", "/account/security", "/organization/members", "/pricing"):
            seen_by("team").go(path, f"acting-{named(path)}", 200)
            assert seen_by("team").page.get_by_text("You act as").count()
        seen_by("team").go("/organization/delete", "acting-refused", 403)
    finally:
        with world.host.database.session(SYSTEM) as session:
            session.execute(acting.values(impersonator_user_id=None, impersonator_session_id=None))


def test_pages_of_errors(world: World, seen_by: Any) -> None:
    def fail() -> None:
        raise RuntimeError("A fault of a plugin.")

    world.app.add_api_route("/faulty", fail, include_in_schema=False)
    seen_by("visitor").go("/no/such/page", "error-404", 404)
    seen_by("visitor").go(f"/verify/{'x' * 43}", "error-410-link", 410)
    seen_by("visitor").go(f"/invite/{'x' * 43}", "error-410-invitation", 410)
    seen_by("visitor").go("/faulty", "error-500", 500)
    seen_by("newcomer").go("/no/such/page", "error-404-signed-in", 404)
    seen_by("newcomer").go("/admin", "error-403", 403)
    for _ in range(PUBLIC.hits):
        world.http.get(f"{world.url}/unsubscribe/x")
    seen_by("visitor").go("/pricing", "error-429", 429)
    world.forget_limits()
