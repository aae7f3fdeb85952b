"""Tiers by JSON: what is in force, what a change would do, and the change, noted and not blind."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from musekit.audit.models import AuditEntry
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")
ALL = {"key": "tier_3", "label": "All", "rank": 3, "limits": {"made": None}}
TIERS = [
    {"key": "tier_1", "label": "Free", "rank": 1, "limits": {"made": 5}},
    {"key": "tier_2", "label": "More", "rank": 2, "limits": {"made": 20}},
    ALL,
]


def test_tiers_are_changed_and_changed_back(
    host: Host, operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    make_user()
    found = operator.got("/products/things")
    assert [each["key"] for each in found["product"]["tiers"]] == ["tier_1", "tier_2", "tier_3"]
    assert found["held"] == [{"tier": "tier_1", "spaces": 2}]  # the operator's own is one
    assert "made" in {each["limit"] for each in found["limits"]}
    seen = found["product"]["mark"]
    told = operator.ask("POST", "/products/things/tiers/preview", {"tiers": TIERS}).json()
    assert {"tier": "Free", "limit": "made", "before": "1", "after": "5"} in told["differences"]
    assert (told["added"], told["removed"]) == ([], [])
    assert operator.got("/products/things")["product"]["own"] is False  # looking changes nothing
    body = {"tiers": TIERS, "seen": seen}
    changed = operator.ask("PUT", "/products/things/tiers", body)
    assert changed.status_code == 200, changed.text
    now = operator.got("/products")["items"][0]
    assert (now["product"], now["own"]) == ("things", True)
    assert now["tiers"] == TIERS  # what is given comes back as it was, to be sent again
    assert now["mark"] == changed.json()["mark"] != seen
    with host.database.session(SYSTEM, readonly=True) as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "definitions.changed")
        ).one()
    assert json.loads(entry.detail["after"]) == TIERS
    again = operator.ask("PUT", "/products/things/tiers", body)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")  # seen is of before
    body = {"tiers": None, "seen": now["mark"]}
    assert operator.ask("PUT", "/products/things/tiers", body).status_code == 200
    assert operator.got("/products/things")["product"]["tiers"] == found["product"]["tiers"]


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(
    ("tiers", "field"),
    [
        ([], "tiers"),
        ([ALL], "tiers"),  # nothing is left for everybody
        ([*TIERS, ALL], "tiers.3.key"),
        ([*TIERS[:2], ALL | {"limits": {"unheard": 1}}], "tiers.2.limits.unheard"),
        ([*TIERS[:2], ALL | {"label": "\u202e"}], "tiers.2.label"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(
    operator: Any, tiers: list[Any], field: str
) -> None:
    seen = operator.got("/products/things")["product"]["mark"]
    for method, path, more in (
        ("POST", "/products/things/tiers/preview", {}),
        ("PUT", "/products/things/tiers", {"seen": seen}),
    ):
        answer = operator.ask(method, path, {"tiers": tiers, **more})
        assert answer.status_code == 422, answer.text
        assert field in {each["field"] for each in answer.json()["errors"]}
    assert operator.got("/products/things")["product"]["own"] is False


@pytest.mark.parametrize("backend", ["sqlite"])
def test_no_such_product_and_no_such_number(operator: Any) -> None:
    assert operator.ask("GET", "/products/nothing").status_code == 404
    assert operator.ask("GET", "/products/nothing/grants").status_code == 404
    for evil in (True, "5", 1.5, [], 10**30):
        body = {"tiers": [*TIERS[:2], ALL | {"limits": {"made": evil}}]}
        answer = operator.ask("POST", "/products/things/tiers/preview", body)
        assert answer.status_code == 422, evil
