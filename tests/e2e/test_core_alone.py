"""The core alone, as its first newcomers meet it: installed, started and gone through in Chromium.

Nothing of ours but the wheel of `musekit-core` is installed, and nothing is set but the port and
the folder. No mail leaves: the operator reads it on the admin pages, as a newcomer has to.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyotp
import pytest
from tests.support import wheels
from tests.support.chromium import launched
from tests.support.deployment import Deployment, Process, wait_for
from tests.support.looking import Looker, shots_folder

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.wheels, pytest.mark.browser, pytest.mark.timeout(400)]

PASSWORD = "a pelican under umbrellas"
OPERATOR, ADA, BOB = "olga@example.com", "ada@example.com", "bob@example.com"
CREW = "Juniper & Sons"
REASON = "the first ten customers"
#: What the operator's pages are called at least; each of the menu is opened.
ADMIN = {
    "Overview", "Users", "Organizations", "Products", "Plugins", "Jobs", "E-mail", "Audit log",
    "Health", "Settings",
}  # fmt: skip


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> wheels.Environment:
    """An environment with the core and what it needs."""
    source = wheels.REPOSITORY / "packages" / "musekit-core"
    built = wheels.build(tmp_path_factory.mktemp("wheels"), [source])
    assert built.names() == ["musekit-core"]
    return wheels.fresh(tmp_path_factory.mktemp("core") / "venv", built, ["musekit-core"])


@pytest.fixture
def running(core: wheels.Environment, tmp_path: Path) -> Iterator[tuple[Deployment, Process]]:
    """``musekit up`` with no setting at all."""
    place = Deployment(core.musekit, tmp_path, {})
    process = place.start("up", "--port", str(place.port), "--data-dir", "data")
    try:
        yield place, process
    finally:
        place.stop()


class Person(Looker):
    """Somebody with a browser of their own."""

    def press(self, name: str, *, link: bool = False) -> None:
        """Press a button, or follow a link."""
        self.page.get_by_role("link" if link else "button", name=name, exact=True).click()

    def sees(self, text: str) -> None:
        """Wait until a text stands there."""
        self.page.get_by_text(text).first.wait_for()

    def sign_out(self) -> None:
        """Sign out by the menu."""
        self.page.locator("summary[aria-label='Your account']").click()
        self.press("Sign out")
        self.sees("You are signed out.")


def letter_to(operator: Person, email: str, subject: str) -> str:
    """Read a mail where the operator reads it; return the path of the link in it."""

    def read() -> str | None:
        operator.page.goto(f"{operator.address}/admin/email?search={email}")
        operator.page.get_by_role("link", name=subject).first.click()
        operator.sees("What became of it")
        text = operator.page.locator("pre.letter")
        return text.inner_text() if text.count() else None  # it is kept by a job

    letter = wait_for(read, 30)
    found = re.search(rf"{re.escape(operator.address)}(/\S+)", letter)
    assert found, letter
    return found[1]


def set_up_link(process: Process) -> str:
    """Read on the terminal where the first operator is made."""

    def said() -> str | None:
        assert process.popen.poll() is None, process.said
        found = re.search(r"Be its operator, once\s+(http\S+)", process.said)
        return found and found[1]

    return wait_for(said, 90, lambda: process.said)


def test_from_sign_up_to_the_admin_pages(  # noqa: PLR0915 - a story
    running: tuple[Deployment, Process], core: wheels.Environment, tmp_path: Path
) -> None:
    ours = {name for name in core.installed() if name.startswith(("musekit", "passivepost"))}
    assert ours == {"musekit-core"}
    place, process = running
    link, shots = set_up_link(process), shots_folder(tmp_path)

    with launched() as browser:
        olga, ada, bob = (
            Person(browser, place.url, look, shots) for look in ("light", "dark", "phone")
        )

        # 1. Who has started it makes themselves the operator, by the link on the terminal.
        olga.go("/", "core-1-welcome")
        assert link.startswith(place.url)
        olga.go(link.removeprefix(place.url), "core-1-set-up")
        olga.page.get_by_label("E-mail").fill(OPERATOR)
        olga.page.get_by_label("Password").fill(PASSWORD)
        olga.press("Make the operator's account")
        olga.sees("You are the operator of this deployment now.")
        olga.at("core-1-admin")

        # 2. Somebody signs up, and proves their address.
        ada.go("/sign-up", "core-2-sign-up")
        ada.page.get_by_label("Name").fill("Ada Lovelace")
        ada.page.get_by_label("E-mail").fill(ADA)
        ada.page.get_by_label("Password").fill(PASSWORD)
        ada.press("Create account")
        ada.page.wait_for_url("**/dashboard")
        ada.sees("Your account and your own space are ready.")
        ada.sees("Confirm your address")
        ada.sees("No mail leaves here yet")
        ada.at("core-2-dashboard")
        ada.go("/account", "core-2-not-confirmed")
        ada.sees("Your e-mail address is not confirmed")
        ada.go(letter_to(olga, ADA, "Confirm your e-mail address"), "core-2-verify")
        olga.at("core-2-letter")
        ada.press("Confirm the address")
        ada.sees(f"{ADA} is confirmed.")
        assert ada.page.get_by_text("No mail leaves here yet").count() == 0

        # 3. A second factor, and the way in by it.
        ada.go("/account/security", "core-3-security")
        ada.press("Authenticator app", link=True)
        ada.at("core-3-totp")
        shown = ada.page.locator("p.mono").inner_text().replace(" ", "")
        clock, now = pyotp.TOTP(shown), int(time.time())
        ada.page.get_by_label("Code that the app shows").fill(clock.at(now))
        ada.press("Turn it on")
        ada.sees("Keep these codes now")
        codes = ada.page.locator("ul.mono li").all_inner_texts()
        assert len(set(codes)) == 10
        ada.at("core-3-recovery-codes")
        ada.press("I have kept them", link=True)
        ada.sees("10 recovery codes are left")
        ada.sign_out()
        enter(ada)
        ada.at("core-3-second-factor")
        following = max(time.time(), now + 30)  # the code before was used
        ada.page.get_by_label("Code").fill(clock.at(int(following)))
        ada.press("Sign in")
        ada.page.wait_for_url("**/dashboard")
        ada.sign_out()
        enter(ada)
        ada.page.get_by_label("Code").fill(codes[0])
        ada.press("Sign in")
        ada.page.wait_for_url("**/dashboard")
        ada.page.goto(f"{place.url}/account/security")
        ada.sees("9 recovery codes are left")

        # 4. An organization, and somebody who is invited into it.
        ada.page.locator("summary[aria-label='Your account']").click()
        ada.press("Organization", link=True)
        ada.at("core-4-none")
        ada.press("Make an organization", link=True)
        ada.page.get_by_label("Name").fill(CREW)
        ada.at("core-4-new")
        ada.press("Make it")
        ada.sees("is ready. Invite the others.")
        ada.page.get_by_label("E-mail").fill(BOB)
        ada.press("Send the invitation")
        ada.sees(f"{BOB} is invited")
        ada.at("core-4-invited")
        bob.go(letter_to(olga, BOB, "invites you to"), "core-4-invitation")
        bob.press("Create an account", link=True)
        assert bob.page.get_by_label("E-mail").input_value() == BOB
        bob.page.get_by_label("Password").fill(PASSWORD)
        bob.press("Create account")
        bob.press(f"Join as {BOB}")
        bob.sees(f"Welcome to “{CREW}”")
        bob.at("core-4-joined")
        bob.go("/organization", "core-4-editor")
        bob.sees("You are editor here.")
        ada.go("/organization/members", "core-4-members")
        row = ada.page.locator("li", has_text=BOB)
        assert "Editor" in row.first.inner_text()
        ada.go("/organization/settings", "core-4-settings")
        assert ada.page.get_by_label("Time zone of new spaces").input_value() == "Europe/Berlin"

        # 5. Plans: nothing is for sale; the operator gives one, and says why.
        bob.go("/pricing", "core-5-pricing")
        bob.sees("Nothing is for sale here")
        ada.go("/billing", "core-5-billing")
        ada.sees("Nothing is for sale here")
        assert plan_of(ada.page) == "Starter free"
        olga.go("/admin/organizations", "core-5-organizations")
        olga.press(CREW, link=True)
        olga.page.get_by_label("Tier", exact=True).select_option(label="Team")
        olga.page.get_by_label("Reason").fill(REASON)
        olga.press("Give the tier")
        olga.at("core-5-given")
        olga.sees(REASON)
        ada.go("/billing", "core-5-team")
        assert plan_of(ada.page) == "Team given by the operator"
        ada.sees(REASON)
        ada.go("/billing/plans", "core-5-plans")
        ada.sees("Your plan")

        # 6. The admin pages, all that the menu names; and who is no operator sees none.
        olga.page.goto(f"{place.url}/admin")
        menu = {
            each.inner_text().strip(): str(each.get_attribute("href"))
            for each in olga.page.locator("nav#nav a[href^='/admin']").all()
        }
        assert menu.keys() >= ADMIN
        for path in menu.values():
            olga.go(path)
            assert olga.page.locator("main h1").count() == 1, path
        olga.go(f"/admin/users?search={ADA}", "core-6-search")
        olga.press("Ada Lovelace", link=True)
        olga.at("core-6-user")
        assert ada.page.context.request.get(f"{place.url}/admin").status == 403

        faults = olga.faults + ada.faults + bob.faults
        assert not faults, "\n".join(faults)
    assert process.stop() == 0, process.said
    assert "Traceback" not in process.log.read_text()


def enter(person: Person) -> None:
    """Give address and password, and be asked for a code."""
    person.page.goto(f"{person.address}/sign-in")
    person.page.get_by_label("E-mail").fill(ADA)
    person.page.get_by_label("Password").fill(PASSWORD)
    person.press("Sign in")
    person.page.get_by_role("heading", name="Your code").wait_for()


def plan_of(page: Page) -> str:
    """What the page of billing says that the space has."""
    found = page.locator("dt", has_text="Plan").locator("xpath=following-sibling::dd[1]")
    return " ".join(found.first.inner_text().split())
