"""The editor of tiers: checked, previewed with who moves, noted with both states, told; undone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select

from musekit.audit.models import AuditEntry
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.organizations.models import OrganizationSettings
from musekit.products import definitions, editing, tiers
from musekit.testing.plans import grant
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")
PAGE = "/admin/products/things/tiers"
NAMES = ["made", "spaces"]
FORM: dict[str, list[str]] = {
    "key": ["tier_1", "tier_2", "tier_3", ""], "label": ["Free", "More", "All", ""],
    "rank": ["1", "2", "3", ""], "name": NAMES,
    "limit": ["1", "1", "2", "2", "3", "unlimited", "", ""],
}  # fmt: skip


def changed(**columns: list[str]) -> dict[str, list[str]]:
    return FORM | columns


def hidden(page: Any, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert found, page.text
    return unescape(found[1])


def do(operator: Any, form: dict[str, list[str]], **more: Any) -> Any:
    """Preview a form, then do what was seen."""
    seen = hidden(operator.page(PAGE), "seen")
    page = operator.send(f"{PAGE}/preview", **form, seen=seen, **more)
    assert page.status_code == 200, page.text
    return operator.send(PAGE, seen=seen, definitions=hidden(page, "definitions"))


def stored(host: Host) -> Any:
    with host.database.session(SYSTEM, readonly=True) as session:
        row = session.scalars(
            select(OrganizationSettings).where(OrganizationSettings.scope == "operator")
        ).one()
        return row.settings.get("things", {}).get(definitions.MEMBER)


def keys(host: Host) -> list[str]:
    return [each.key for each in tiers.definitions(host, "things")]


def test_what_it_would_do_is_seen_first_and_then_done(
    host: Host, operator: Any, make_user: Callable[..., SignedIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    hear = lambda **words: told.append((words["space_ids"], words["before"], words["after"]))  # noqa: E731
    monkeypatch.setattr(host.registry.hooks, "on_subscription_changed", hear)
    rich, poor = make_user(), make_user()
    grant(host, rich.space_id, "things", "tier_3")
    seen = hidden(operator.page(PAGE), "seen")
    form = changed(limit=["5", "1", "2", "2", "3", "unlimited", "", ""])
    page = operator.send(f"{PAGE}/preview", **form, gone=["2"], seen=seen)
    text = re.sub(r"<[^>]+>|\s+", " ", page.text.partition("What this would do")[2])
    text = " ".join(text.partition("Do this")[0].split())
    assert "gone All" in text
    assert "Made 1 → 5" in text
    assert "All → Free : 1 space" in text
    assert stored(host) is None  # nothing is done yet
    assert tiers.resolve(host, "things", rich.space_id).tier.key == "tier_3"

    answer = operator.send(PAGE, seen=seen, definitions=hidden(page, "definitions"))
    assert answer.headers["location"] == "/admin/products/things"
    assert keys(host) == ["tier_1", "tier_2"]
    assert tiers.resolve(host, "things", rich.space_id).tier.key == "tier_1"
    assert tiers.allowance(host, "things", poor.space_id).limit("made") == 5
    told.sort(key=lambda each: each[1])  # those whose tier stays, but allows another amount, too
    assert told[0][1:] == ("tier_1", "tier_1")
    assert set(told[0][0]) == {poor.space_id, operator.user.space_id}
    assert told[1:] == [([rich.space_id], "tier_3", "tier_1")]
    with host.database.session(SYSTEM, readonly=True) as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "definitions.changed")
        ).one()
    assert entry.target_id == "things"
    assert entry.actor_user_id == operator.user.user_id
    assert json.loads(entry.detail["before"]) is None
    assert json.loads(entry.detail["after"]) == stored(host)
    assert stored(host)[0]["limits"]["made"] == 5


def test_back_to_what_the_product_declares(host: Host, operator: Any) -> None:
    do(operator, FORM, gone=["1"])
    assert keys(host) == ["tier_1", "tier_3"]
    page = operator.send(f"{PAGE}/own")
    assert hidden(page, "definitions") == "null"
    operator.send(PAGE, seen=hidden(page, "seen"), definitions="null")
    assert keys(host) == ["tier_1", "tier_2", "tier_3"]
    assert stored(host) is None


def test_a_new_tier_and_no_limit(host: Host, operator: Any) -> None:
    do(operator, changed(
        key=["tier_1", "tier_2", "tier_3", "vast"], label=["Free", "More", "All", ""],
        rank=["1", "2", "3", "9"], limit=["1", "1", "2", "2", "3", "0", "Unlimited", "7"],
    ))  # fmt: skip
    vast = tiers.definitions(host, "things")[-1]
    assert (vast.key, vast.label, vast.rank) == ("vast", "vast", 9)
    assert dict(vast.limits) == {"made": None, "spaces": 7}


def test_somebody_else_was_faster(host: Host, operator: Any) -> None:
    seen = hidden(operator.page(PAGE), "seen")
    page = operator.send(f"{PAGE}/preview", **FORM, gone=["1"], seen=seen)
    do(operator, FORM, gone=["2"])
    before = stored(host)
    answer = operator.send(PAGE, seen=seen, definitions=hidden(page, "definitions"))
    assert answer.headers["location"] == PAGE
    assert "changed meanwhile" in operator.page(PAGE).text
    assert stored(host) == before


@pytest.mark.parametrize(
    ("fault", "form"),
    [
        ("another tier has this key", changed(key=["tier_1", "tier_1", "tier_3", ""])),
        ("another tier has this rank", changed(rank=["1", "1", "3", ""])),
        ("use a whole number", changed(rank=["1", "x", "3", ""])),
        ("use a whole number", changed(rank=["1", "-2", "3", ""])),
        ("use a whole number", changed(rank=["1", "٣", "3", ""])),
        ("unlimited", changed(limit=["-1", "1", "2", "2", "3", "3", "", ""])),
        ("unlimited", changed(limit=["1.5", "1", "2", "2", "3", "3", "", ""])),
        ("unlimited", changed(limit=["many", "1", "2", "2", "3", "3", "", ""])),
        ("use a whole number of 0", changed(limit=["9" * 15, "1", "2", "2", "3", "3", "", ""])),
        ("is no limit of this product", changed(name=["made", "elephants"])),
        ("keep “tier_1”", changed(key=["free", "tier_2", "tier_3", ""])),
        ("must not be empty", changed(key=["tier_1", "", "tier_3", ""])),
        ("a key has no blanks", changed(key=["tier_1", "tier 2", "tier_3", ""])),
        ("plain characters", changed(label=["Free\u202e", "More", "All", ""])),
        ("plain characters", changed(label=["F" * 61, "More", "All", ""])),
        ("not complete", changed(limit=["1", "1"])),
        ("not complete", changed(label=["Free"])),
    ],
)  # fmt: skip
@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_cannot_be_used_is_refused_at_its_field(
    host: Host, operator: Any, fault: str, form: dict[str, list[str]]
) -> None:
    page = operator.send(f"{PAGE}/preview", **form, seen="")
    assert page.status_code == 422
    assert fault.casefold() in page.text.casefold()
    assert "Do this" not in page.text
    assert stored(host) is None


@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_was_not_previewed_is_checked_again(host: Host, operator: Any) -> None:
    seen = hidden(operator.page(PAGE), "seen")
    for forged in (
        "", "[]", "{}", "7", "[1]", '"x"', "[" * 5000, "null null",
        '[{"key": "tier_1", "limits": {"elephants": 1}}]', '[{"key": "tier_9"}]',
        '[{"key": "tier_1", "limits": {"made": true}}]', '[{"key": "tier_1", "rank": 1.5}]',
        '[{"key": "tier_1\\u0000"}]', '[{"key": "tier_1", "limits": {"made": 1e400}}]',
    ):  # fmt: skip
        answer = operator.send(PAGE, seen=seen, definitions=forged)
        assert answer.status_code == 303, forged
        assert answer.headers["location"] == PAGE
        assert stored(host) is None, forged


def test_other_settings_of_the_row_stay(host: Host, operator: Any) -> None:
    with host.database.session(SYSTEM) as session:
        row = session.scalars(
            select(OrganizationSettings).where(OrganizationSettings.scope == "operator")
        ).one()
        row.settings = {"else": {"a": 1}, "things": {"b": 2}}
    do(operator, FORM, gone=["2"])
    with host.database.session(SYSTEM, readonly=True) as session:
        row = session.scalars(
            select(OrganizationSettings).where(OrganizationSettings.scope == "operator")
        ).one()
    assert row.settings["else"] == {"a": 1}
    assert row.settings["things"]["b"] == 2
    assert row.updated_by == operator.user.user_id


def test_every_space_is_looked_at(
    host: Host, operator: Any, make_user: Callable[..., SignedIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [make_user() for _ in range(5)]
    monkeypatch.setattr(editing, "BATCH", 2)
    for person in people:
        grant(host, person.space_id, "things", "tier_2")
    product = editing.product_of(host, "things")
    now = editing.in_force(host, product).tiers
    moved = list(editing.moves(host, product, now, [now[0], now[2]]))
    assert {each.space_id for each in moved} == {each.space_id for each in people}
    held, more = editing.spread(host, product, most=100)
    assert (held, more) == ({"tier_1": 1, "tier_2": 5}, False)
    held, more = editing.spread(host, product, most=3)
    assert (sum(held.values()), more) == (3, True)


def test_the_page_of_the_product(
    host: Host, operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    person = make_user("ada@example.com")
    operator.send(f"/admin/users/{person.user_id}/grant", product="things", tier="tier_2")
    page = operator.page("/admin/products/things").text.partition("<main")[2]
    assert "ada@example.com" in page
    assert "as the product declares them" in page
    over = operator.page("/admin/products/things", state="over").text.partition("<main")[2]
    assert "Nothing was given" in over
    assert operator.page("/admin/products/else").status_code == 404
    assert "Things" in operator.page("/admin/products").text.partition("<main")[2]


def test_definitions_that_cannot_be_used_are_said_to_be_so(host: Host, operator: Any) -> None:
    with host.database.session(SYSTEM) as session:
        row = session.scalars(
            select(OrganizationSettings).where(OrganizationSettings.scope == "operator")
        ).one()
        row.settings = {"things": {definitions.MEMBER: [{"key": 7}]}}
    assert "are not used" in operator.page("/admin/products/things").text
    assert "tier definitions" in operator.page("/admin/health").text
    do(operator, FORM)
    assert keys(host) == ["tier_1", "tier_2", "tier_3"]
    assert stored(host)[0]["key"] == "tier_1"
