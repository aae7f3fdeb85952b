"""How often a space may have its receivers tried: each test is a request to somebody's server."""

from __future__ import annotations

from musekit.declarations import RateLimit

TESTS = RateLimit(name="webhook-tests", hits=20, seconds=60, per="space")
