"""Whose clock times are shown in: the browser's, until the person has named a zone."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from musekit.auth import service
from musekit.auth.resolve import SYSTEM
from musekit.kernel.host import Host
from musekit.spaces.models import Space
from musekit.testing.pytest_plugin import PASSWORD

EMAIL = "ada@example.com"


@pytest.fixture
def enter(app: FastAPI, client: TestClient) -> Callable[..., TestClient]:
    """Sign in by the form, as a browser that names its zone."""

    def run(zone: str | None) -> TestClient:
        browser = TestClient(app, headers={"Sec-Fetch-Site": "same-origin"})
        form = {"email": EMAIL, "password": PASSWORD} | ({} if zone is None else {"timezone": zone})
        token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/sign-in").text)
        answer = browser.post(
            "/sign-in", data=form | {"csrf_token": token[1] if token else ""},
            follow_redirects=False,
        )  # fmt: skip
        assert answer.status_code == 303, answer.text
        return browser

    return run


def make(host: Host, **zone: str) -> UUID:
    with host.database.session(SYSTEM) as session:
        return service.sign_up(session, EMAIL, PASSWORD, **zone)[1].id


def shown(browser: TestClient) -> str:
    """The zone of the JSON, which must be the one that the page has selected."""
    zone: str = browser.get("/api/auth/me").json()["user"]["timezone"]
    assert f'<option value="{zone}" selected>' in browser.get("/account").text
    return zone


def space_zone(host: Host, space_id: UUID) -> str:
    with host.database.session(SYSTEM, readonly=True) as session:
        return session.scalars(select(Space.timezone).where(Space.id == space_id)).one()


def test_the_first_zone_a_browser_names_is_taken_up(
    host: Host, enter: Callable[..., TestClient]
) -> None:
    space = make(host)
    for nothing in (None, "", "Mars/Olympus", "../../etc/passwd", "x" * 5000, "\0"):
        assert shown(enter(nothing)) == "UTC"
    assert space_zone(host, space) == "UTC"
    assert shown(enter("Asia/Tokyo")) == "Asia/Tokyo"
    assert space_zone(host, space) == "Asia/Tokyo"  # as it is when one signs up with a zone
    assert shown(enter("Europe/Berlin")) == "Asia/Tokyo"  # a journey moves nothing


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_zone_that_was_chosen_stays(
    host: Host, enter: Callable[..., TestClient], zone: str
) -> None:
    make(host, timezone=zone)
    assert shown(enter("Asia/Tokyo")) == zone


def test_utc_may_be_chosen_later(host: Host, enter: Callable[..., TestClient]) -> None:
    make(host)
    browser = enter(None)
    changed = browser.patch("/api/auth/me", json={"timezone": "UTC"})
    assert changed.status_code == 200, changed.text
    assert shown(enter("Asia/Tokyo")) == "UTC"


def test_signing_up_by_json_without_a_zone_names_none(
    client: TestClient, enter: Callable[..., TestClient]
) -> None:
    made = client.post("/api/auth/sign-up", json={"email": EMAIL, "password": PASSWORD})
    assert (made.status_code, made.json()["user"]["timezone"]) == (201, "UTC")
    assert shown(enter("Asia/Tokyo")) == "Asia/Tokyo"
