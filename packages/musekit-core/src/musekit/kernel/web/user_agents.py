"""What to call a browser in the list of sessions. A help to recognise it, nothing more."""

from __future__ import annotations

BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"),
            ("Safari/", "Safari"), ("curl/", "curl"), ("python", "Python"))  # fmt: skip
SYSTEMS = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Mac OS X", "Mac"),
           ("Windows", "Windows"), ("Linux", "Linux"))  # fmt: skip


def describe(user_agent: str) -> str:
    """Return for example ``Firefox on Linux``; “Unknown browser” when nothing is recognised."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "Unknown browser")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    return f"{browser} on {system}" if system else browser
