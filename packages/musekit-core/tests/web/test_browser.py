"""The frame of all pages in a real browser: keyboard, themes, a phone, no scripts, no violations.

How each page looks is seen by `tests/e2e/test_all_pages.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from tests.support.asgi import serve
from tests.support.chromium import LOOKS, faults_of, launched

from musekit.auth import service
from musekit.declarations import NavItem, Product
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.registry import Contribution
from musekit.testing.pytest_plugin import PASSWORD
from musekit.testing.servers import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(params=["sqlite"])
def backend(request: pytest.FixtureRequest) -> str:
    """The database does not matter here."""
    return str(request.param)


@pytest.fixture
def address(app: FastAPI, host: Host) -> Iterator[str]:
    """The application, served on a free port, with a navigation to look at."""
    host.registry.frozen = False
    entries = [
        NavItem(label=label, href=f"/x/{label.lower()}", group="Social", weight=weight, icon=icon)
        for weight, (label, icon) in enumerate(
            [("Queue", "list-ordered"), ("Posts", "file-text"), ("Accounts", "plug")], 10
        )
    ]
    product = Product(
        key="things", name="Things", summary="Everything in one place.", home="/dashboard"
    )
    host.registry.accept(
        "musekit", Contribution({"navigation": entries, "products": [product]}, set())
    )
    port = free_port()
    host.settings.public_url = f"http://127.0.0.1:{port}"
    with serve(app, port) as url:
        yield url


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


def open_page(browser: Browser, look: str, complaints: list[str]) -> Page:
    page = browser.new_context(**LOOKS[look], timezone_id="Europe/Berlin").new_page()
    page.set_default_timeout(15_000)

    def listen(message: Any) -> None:
        if message.type in ("error", "warning") and "404" not in message.text:
            complaints.append(f"{page.url}: {message.text}")

    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    return page


def sign_up(page: Page, address: str, email: str) -> None:
    page.goto(f"{address}/sign-up")
    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    assert page.get_by_label("Time zone").input_value() == "Europe/Berlin"
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/dashboard")


def test_keyboard(chromium: Browser, address: str) -> None:
    complaints: list[str] = []
    page = open_page(chromium, "light", complaints)
    sign_up(page, address, "keys@example.com")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"

    page.keyboard.press("/")
    assert page.locator("#palette").is_visible()
    assert not faults_of(page)
    page.keyboard.type("queu")
    assert (
        page.locator('#palette-list [role="option"]:visible')
        .all_inner_texts()[0]
        .startswith("Queue")
    )
    page.keyboard.press("Enter")
    page.wait_for_url("**/x/queue")
    page.goto(f"{address}/account")
    page.keyboard.press("g")
    page.keyboard.press("q")
    page.wait_for_url("**/x/queue")
    page.goto(f"{address}/account")
    page.keyboard.press("?")
    assert page.locator("#shortcuts").is_visible()
    assert "Queue" in page.locator("#shortcuts").inner_text()
    assert not faults_of(page)
    page.keyboard.press("Escape")
    assert not page.locator("#shortcuts").is_visible()
    page.get_by_label("Name").fill("?/gq")  # no shortcut while somebody writes
    assert not page.locator("dialog[open]").count()

    page.locator("summary", has_text="Ada Lovelace").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    assert "Account" in page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Escape")
    assert page.locator("details[open]").count() == 0
    assert not [each for each in complaints if "404" not in each]


def test_theme_and_folding_are_remembered(chromium: Browser, address: str) -> None:
    page = open_page(chromium, "light", [])
    sign_up(page, address, "theme@example.com")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.locator("summary", has_text="Ada Lovelace").click()
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate(colour)
    assert dark != light
    page.get_by_role("button", name="Collapse").click()
    page.reload()
    assert page.evaluate(colour) == dark, "the server renders the theme: nothing flashes"
    assert page.locator("body.folded").count() == 1


def test_whoever_named_no_zone_gets_the_one_of_the_browser_they_sign_in_by(
    chromium: Browser, address: str, host: Host
) -> None:
    with host.database.session(Actor.system("tests")) as session:
        service.sign_up(session, "zone@example.com", PASSWORD)
    page = open_page(chromium, "light", [])
    page.goto(f"{address}/sign-in")
    page.get_by_label("E-mail").fill("zone@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard")
    page.goto(f"{address}/account")
    assert page.get_by_label("Time zone").input_value() == "Europe/Berlin"


def test_the_drawer_on_a_phone(chromium: Browser, address: str) -> None:
    page = open_page(chromium, "phone", [])
    sign_up(page, address, "phone@example.com")
    assert not page.locator("#nav").is_visible()
    page.get_by_role("button", name="Navigation").tap()
    assert page.locator("#nav").is_visible()
    assert not faults_of(page)
    page.get_by_role("link", name="Queue").tap()
    page.wait_for_url("**/x/queue")


def test_pages_work_without_scripts(chromium: Browser, address: str) -> None:
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(f"{address}/sign-up")
    page.get_by_label("E-mail").fill("plain@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/dashboard")
    page.goto(f"{address}/account")
    page.get_by_label("Name").fill("Plain")
    page.get_by_role("button", name="Save").click()
    assert page.get_by_text("Your account is saved.").is_visible()
    page.locator("summary", has_text="Plain").click()
    page.get_by_role("button", name="Sign out").click()
    assert re.search(r"/sign-in$", page.url)


def test_htmx_swaps_under_the_policy(chromium: Browser, address: str, app: FastAPI) -> None:
    """A form that htmx posts carries the token, and its fragment is swapped in."""
    complaints: list[str] = []
    page = open_page(chromium, "light", complaints)
    sign_up(page, address, "htmx@example.com")
    page.goto(f"{address}/account")
    page.evaluate(
        """() => {
          const form = document.querySelector('main form');
          form.querySelector('[name=csrf_token]').remove();
          form.setAttribute('hx-post', '/account');
          form.setAttribute('hx-select', 'main form');
          htmx.process(form);
        }"""
    )
    page.get_by_label("Name").fill("x" * 150)
    page.evaluate("document.querySelector('#name').removeAttribute('maxlength')")
    page.get_by_label("Name").fill("x" * 150)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("use at most 100 plain characters").wait_for()
    page.get_by_label("Name").fill("By htmx")
    assert not [each for each in complaints if "422" not in each], complaints
