"""The pages in a real browser: a person connects, writes, schedules, and sees it go out."""

import re
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from tests.support.asgi import serve
from tests.support.chromium import LOOKS, launched

from musekit.testing.pytest_plugin import PASSWORD
from musekit.testing.servers import free_port

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOCIAL = "/dashboard/social"


@pytest.fixture(params=["sqlite"])
def backend(request):
    """The database does not matter here."""
    return request.param


@pytest.fixture
def net():
    """The network inside the application, as in the demo."""


@pytest.fixture
def settings(settings):
    settings.public_url = f"http://127.0.0.1:{free_port()}"
    settings.embedded_worker = True
    return settings


@pytest.fixture
def address(app, settings):
    """The application with its publisher, served as `musekit up` does."""
    with serve(app, urlsplit(settings.public_url).port) as url:
        yield url


@pytest.fixture(scope="module")
def chromium():
    with launched() as browser:
        yield browser


@pytest.fixture
def browse(chromium, address):
    """Open browsers of new people; at the end none may have complained."""
    complaints, contexts = [], []

    def new(look="light", zone="Europe/Berlin", **more):
        context = chromium.new_context(base_url=address, timezone_id=zone, **LOOKS[look], **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: note(page, message))
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.goto("/sign-up")
        page.get_by_label("Name").fill("Ada Lovelace")
        page.get_by_label("E-mail").fill(f"ada-{len(contexts)}-{look}@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Create account").click()
        page.wait_for_url("**/dashboard")
        return page

    def note(page, message):
        # A form that is refused answers an error with the page: Chromium notes each as an error.
        refused = re.search(r"status of (409|422|503)", message.text)
        if message.type in ("error", "warning") and not refused:
            complaints.append(f"{page.url}: {message.text}")

    yield new
    for context in contexts:
        context.close()
    assert not complaints, "\n".join(complaints)


def connect_sandbox(page, name="juniper"):
    page.goto(SOCIAL)
    page.get_by_role("listitem").filter(has_text="Sandbox").get_by_role("button").click()
    page.wait_for_url("**/oauth/authorize**")
    page.locator(f'input[value="{name}"]').check()
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(f"**{SOCIAL}?connected=sandbox")
    page.get_by_text("Sandbox is connected").wait_for()


def test_from_sign_up_to_the_timeline(browse, address):
    page = browse()
    page.get_by_role("link", name="New post").press("Enter")
    page.get_by_text("Connect a network first").wait_for()
    connect_sandbox(page)

    page.keyboard.press("c")
    page.wait_for_url(f"**{SOCIAL}/compose")
    assert page.locator('input[value="sandbox"]').is_checked()
    area = page.get_by_label("Text")
    area.press_sequentially("Bread at nine, told by a browser. ", delay=5)
    left = page.locator("#count-0 [data-left]")
    assert left.inner_text() == str(500 - 34)  # at once, before the server has answered
    area.press_sequentially("With @juniper and #brot")
    preview = page.locator("#target-sandbox")
    preview.locator(".said-tag", has_text="#brot").wait_for()
    assert preview.locator(".said-mention").inner_text() == "@juniper"
    assert "Fits" in preview.inner_text()

    page.get_by_role("button", name="Add a part").click()
    second = page.get_by_label("Part 2 of 2")
    second.wait_for()
    page.wait_for_function("document.activeElement.id === 'text-1'")
    page.keyboard.type("x" * 501)
    page.locator("#count-1 .count.over").wait_for()
    preview.get_by_text("Part 2: 501 of 500 characters; shorten it by 1.").wait_for()
    second.fill("And cake at ten.")
    preview.get_by_text("And cake at ten.").wait_for()

    at = datetime.now(UTC) + timedelta(hours=1, seconds=6)  # Berlin's wall clock in winter
    page.get_by_label("Day and time").fill(f"{at:%Y-%m-%dT%H:%M:%S}")
    page.get_by_role("button", name="Schedule").click()
    page.wait_for_url(f"**{SOCIAL}/posts/*")
    page.get_by_text("Scheduled for Sandbox.").wait_for()

    page.keyboard.press("g")
    page.keyboard.press("q")
    page.wait_for_url(f"**{SOCIAL}/queue")
    row = page.get_by_role("listitem").filter(has_text="Bread at nine")
    row.wait_for()
    row.get_by_role("link", name=re.compile("Bread at nine")).click()
    page.wait_for_url(f"**{SOCIAL}/posts/*")
    page.locator("#post .badge", has_text="Posted").wait_for(timeout=30_000)  # by itself
    assert "Published; the network confirmed it" in page.locator("#post").inner_text()
    page.get_by_role("link", name="Make a copy").wait_for()  # the page's head follows, too
    link = page.get_by_role("link", name="See it on Sandbox").get_attribute("href")
    page.goto(link)
    assert "Bread at nine, told by a browser. With @juniper and #brot" in page.inner_text("body")
    assert "And cake at ten." in page.inner_text("body")


def test_the_queue_follows_by_itself_and_waits_while_somebody_decides(browse):
    page = browse()
    connect_sandbox(page)
    at = datetime.now(UTC) + timedelta(seconds=5)
    body = {"platform": "sandbox", "content": "Goes by itself", "scheduled_at": at.isoformat()}
    assert page.request.post("/api/social/posts", data=body).status == 201
    body = {**body, "content": "Stays", "scheduled_at": (at + timedelta(days=1)).isoformat()}
    assert page.request.post("/api/social/posts", data=body).status == 201
    page.goto(f"{SOCIAL}/queue")
    page.get_by_text("Goes by itself").wait_for()
    page.locator(".queue summary").last.click()  # a menu is open: nothing moves under the hand
    page.wait_for_timeout(9000)
    assert page.get_by_text("Goes by itself").is_visible()
    assert page.get_by_role("button", name="Pull back to drafts").last.is_visible()
    page.keyboard.press("Escape")
    page.get_by_text("Goes by itself").wait_for(state="detached", timeout=15_000)
    assert page.get_by_text("Stays").is_visible()


def test_everything_works_without_scripts(browse):
    page = browse(java_script_enabled=False)
    connect_sandbox(page)
    page.goto(f"{SOCIAL}?connect=bluesky")
    page.get_by_label("Handle").fill("nobody.test")
    page.get_by_label("App password").fill("xxxx-xxxx-xxxx-xxxx")
    page.get_by_label("Server").fill("http://127.0.0.1:9")
    page.get_by_role("button", name="Connect", exact=True).last.click()
    page.get_by_text("It was not connected").wait_for()
    assert page.get_by_label("Handle").input_value() == "nobody.test"

    page.goto(f"{SOCIAL}/compose")
    page.get_by_label("Text").fill("Plain bread")
    page.get_by_role("button", name="Add a part").click()
    page.get_by_label("Part 2 of 2").fill("Plain cake")
    assert page.get_by_label("Part 1 of 2").input_value() == "Plain bread"
    page.get_by_role("radio", name="Tomorrow, 09:00").check()
    page.get_by_role("button", name="Schedule").click()
    page.wait_for_url(f"**{SOCIAL}/posts/*")
    assert page.get_by_text("Goes out at its time.").is_visible()
    page.get_by_role("button", name="Pull back").click()
    assert page.get_by_text("it is a draft again").is_visible()


@pytest.mark.peer
class TestBluesky:
    @pytest.fixture
    def settings(self, settings, pds, monkeypatch):
        settings.outbound_allow = [each.removeprefix("http://") for each in (pds.url, pds.plc_url)]
        monkeypatch.setenv("PASSIVEPOST_PLATFORM_BLUESKY_RESOLVER_URL", pds.url)
        monkeypatch.setenv("PASSIVEPOST_PLATFORM_BLUESKY_PLC_URL", pds.plc_url)
        return settings

    def test_connecting_and_posting_to_a_real_server(self, browse, pds):
        page = browse()
        page.goto(SOCIAL)
        page.get_by_role("listitem").filter(has_text="Bluesky").get_by_text("Connect").click()
        dialog = page.get_by_role("dialog", name="Connect Bluesky")
        dialog.get_by_label("Handle").fill(f"@{pds.handle}")
        dialog.get_by_label("App password").fill("not-the-password")
        dialog.get_by_role("button", name="Connect", exact=True).click()
        dialog = page.get_by_role("dialog", name="Connect Bluesky")
        dialog.get_by_text("It was not connected").wait_for()
        assert dialog.get_by_label("Handle").input_value() == f"@{pds.handle}"
        assert dialog.get_by_label("App password").input_value() == ""
        dialog.get_by_label("App password").fill(pds.app_password)
        dialog.get_by_role("button", name="Connect", exact=True).click()
        page.get_by_text(f"Bluesky is connected as @{pds.handle}.").wait_for()
        assert page.locator("#account-bluesky .badge", has_text="Connected").is_visible()

        page.goto(f"{SOCIAL}/compose")
        text = f"Written in a browser at {time.time():.3f}"
        page.get_by_label("Text").fill(text)
        page.get_by_role("radio", name="Now").check()
        page.get_by_role("button", name="Post now").click()
        page.wait_for_url(f"**{SOCIAL}/posts/*")
        page.locator("#post .badge", has_text="Posted").wait_for(timeout=30_000)
        found = [each for each in pds.records() if each["value"]["text"] == text]
        assert len(found) == 1
