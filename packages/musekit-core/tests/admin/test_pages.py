"""Every page of the operator opens, for the operator alone; none holds what it must not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import SignedIn

PAGES = [
    "/admin", "/admin/users", "/admin/organizations", "/admin/products", "/admin/products/things",
    "/admin/products/things/tiers", "/admin/plugins", "/admin/plugins/musekit", "/admin/jobs",
    "/admin/jobs/failed", "/admin/jobs/parked", "/admin/email", "/admin/email/templates",
    "/admin/email/templates/verify-email", "/admin/email/suppressions", "/admin/audit",
    "/admin/health", "/admin/settings",
]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_it_opens_for_the_operator_alone(
    operator: Any, make_user: Callable[..., SignedIn], path: str
) -> None:
    page = operator.page(path)
    assert page.status_code == 200, page.text
    other = make_user()
    assert other.client.get(path).status_code == 403
    assert other.client.get(path, headers=operator.user.headers).status_code == 403  # by a token


def test_nobody_else_is_told_of_these_pages(
    host: Host, operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    dashboard = make_user().client.get("/dashboard", headers={"accept": "text/html"})
    assert "/admin" not in dashboard.text
    assert "/admin" in operator.page("/dashboard").text
