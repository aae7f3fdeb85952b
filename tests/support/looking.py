"""Looking at pages in a browser, in one look or in every: what each must stand.

In `EVERY` look one load does for three: light and dark at a desk, and a phone. Pages follow the
system when its colours change, so that all pages of the application can be looked at in a minute.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from axe_playwright_python.base import AXE_SCRIPT
from fastapi import FastAPI
from tests.support.asgi import serve
from tests.support.chromium import LOOKS

from musekit.testing.servers import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Response, ViewportSize

EVERY = "every"
#: Contrast takes most of axe's time. It depends on colours, and a phone has the light ones.
_CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
_ALL_ELSE = {"rules": {"color-contrast": {"enabled": False}}}
_DESK: ViewportSize = {"width": 1280, "height": 860}
_PHONE: ViewportSize = {"width": 390, "height": 844}
#: Answers that a test asks for on purpose are logged by the browser as errors, too.
EXPECTED = (404, 410, 422)
#: Frames hold mails, which are tried by themselves.
_AXE = """options => axe.run(document, {
  resultTypes: ["violations"], elementRef: false, iframes: false, ...options,
}).then(found => found.violations.flatMap(fault => fault.nodes.slice(0, 3).map(
  node => `${fault.impact} ${fault.id}: ${node.html.slice(0, 160)} ${node.failureSummary}`)))"""
_WIDE = """() => { const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide <= 0) return "";
  const far = [...document.body.querySelectorAll("*")].filter(
    each => each.getBoundingClientRect().right > innerWidth + 1);
  return `scrolls sideways by ${wide}px: `
    + far.slice(-3).map(each => each.outerHTML.slice(0, 120)); }"""
_DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


class Looker:
    """A person with a browser: goes through pages, and notes what is wrong with them.

    Args:
        look: one of `LOOKS`, in which all is done; or `EVERY`: at a desk, judged in all of them.
        shots: folder for pictures; None takes none.
        cookies: of a session that they have, by name.
    """

    def __init__(
        self, browser: Browser, address: str, look: str = EVERY, shots: Path | None = None,
        cookies: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.address, self._look = address, look
        self.faults: list[str] = []
        self._shots = shots
        self._expected = set(EXPECTED)
        # Without animations a page looks at once as it looks in the end.
        context = browser.new_context(
            **LOOKS["light" if look == EVERY else look],
            timezone_id="Europe/Berlin",
            reduced_motion="reduce",
        )
        context.add_cookies(
            [{"name": name, "value": value, "url": address}
             for name, value in (cookies or {}).items()]
        )  # fmt: skip
        self.page = context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self._note(str(error)))
        self._tools = context.new_cdp_session(self.page)

    def go(self, path: str, name: str = "", status: int = 0) -> Response:
        """Open a page and look at it; with `status` its answer has that one, else any."""
        self._expected.add(status)
        answer = self.page.goto(self.address + path)
        assert answer is not None
        if status and answer.status != status:
            self._note(f"{answer.status}, expected {status}")
        self.at(name or path.strip("/").replace("/", "-") or "start")
        return answer

    def at(self, name: str) -> None:
        """Look at the page that is open: accessible, not too wide; and keep pictures of it."""
        self.page.evaluate("document.fonts.ready.then(() => true)")
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE_SCRIPT)
        if self._look != EVERY:
            self._judge(self._look, name)
            return
        self._judge("light", name)
        self.page.emulate_media(color_scheme="dark")
        self.page.evaluate(_DRAWN)
        self._judge("dark", name, _CONTRAST)
        self.page.emulate_media(color_scheme="light")
        self._touch(on=True)
        self.page.set_viewport_size(_PHONE)
        self.page.evaluate(_DRAWN)
        self._judge("phone", name, _ALL_ELSE)
        self.page.set_viewport_size(_DESK)
        self._touch(on=False)

    def sign_in(self, email: str, password: str) -> None:
        """Sign in by the form."""
        self.page.goto(f"{self.address}/sign-in")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.wait_for_url("**/dashboard")

    def _judge(self, look: str, name: str, options: Mapping[str, Any] | None = None) -> None:
        for fault in self.page.evaluate(_AXE, options or {}):
            self._note(f"{look}: {fault}")
        if wide := self.page.evaluate(_WIDE):
            self._note(f"{look}: {wide}")
        if self._shots:
            self._shots.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=self._shots / f"{name}-{look}.png", full_page=True)

    def _touch(self, *, on: bool) -> None:
        self._tools.send("Emulation.setTouchEmulationEnabled", {"enabled": on})
        self._tools.send("Emulation.setScrollbarsHidden", {"hidden": on})

    def _listen(self, message: Any) -> None:
        if message.type in ("error", "warning") and not any(
            f"status of {code} " in message.text for code in self._expected
        ):
            self._note(message.text)

    def _note(self, fault: str) -> None:
        self.faults.append(f"{self.page.url.removeprefix(self.address)}: {fault}")


def shots_folder(tmp_path: Path) -> Path:
    """Where pictures go: the folder of MUSEKIT_SCREENSHOTS, else a temporary one."""
    return Path(os.environ.get("MUSEKIT_SCREENSHOTS", tmp_path / "screenshots"))


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an application on a free port, under that address."""
    port = free_port()
    app.state.host.settings.public_url = f"http://127.0.0.1:{port}"
    with serve(app, port) as address:
        yield address
