"""Giving a tier by hand: it holds at once, is explained, noted, told, and can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from musekit.audit.models import AuditEntry
from musekit.auth.models import UserSession
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.products import tiers
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")


@pytest.fixture
def told(host: Host, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What a plugin hears of changed tiers."""
    heard: list[tuple[Any, ...]] = []

    def hear(*, host: Host, product: str, space_ids: Any, before: str, after: str) -> None:
        heard.append((product, list(space_ids), before, after))

    monkeypatch.setattr(host.registry.hooks, "on_subscription_changed", hear)
    return heard


def noted(host: Host) -> list[AuditEntry]:
    with host.database.session(SYSTEM, readonly=True) as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.at, AuditEntry.id)).all()
    return [entry for entry in entries if entry.action.startswith("tier.")]


def test_a_given_tier_holds_at_once_and_is_explained(
    host: Host, operator: Any, make_user: Callable[..., SignedIn], told: list[Any]
) -> None:
    person = make_user("ada@example.com")
    path = f"/admin/users/{person.user_id}"
    answer = operator.send(f"{path}/grant", product="things", tier="tier_3", reason="our  guest")
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    decision = tiers.resolve(host, "things", person.space_id)
    assert (decision.tier.key, decision.source) == ("tier_3", "registry")
    page = operator.page(path).text
    assert "given by the operator. our guest" in page
    assert told == [("things", [person.space_id], "tier_1", "tier_3")]

    operator.send(f"{path}/grant", product="things", tier="tier_2")  # in place of it
    assert tiers.resolve(host, "things", person.space_id).tier.key == "tier_2"
    operator.send(f"{path}/take-back", product="things")
    assert tiers.resolve(host, "things", person.space_id).source == "default"
    assert [each[2:] for each in told] == [
        ("tier_1", "tier_3"), ("tier_3", "tier_2"), ("tier_2", "tier_1"),
    ]  # fmt: skip
    again = operator.send(f"{path}/take-back", product="things")
    assert again.status_code == 303

    entries = noted(host)
    assert [each.action for each in entries] == ["tier.granted", "tier.granted", "tier.taken_back"]
    first = entries[0]
    assert first.actor_user_id == operator.user.user_id
    assert (first.target_kind, first.target_id) == ("user", str(person.user_id))
    assert first.detail["tier"] == "tier_3"
    assert "ada@" not in str(vars(first))


def test_what_is_no_tier_is_refused_and_changes_nothing(
    host: Host, operator: Any, make_user: Callable[..., SignedIn], told: list[Any]
) -> None:
    person = make_user()
    path = f"/admin/users/{person.user_id}/grant"
    for form in (
        {"product": "things", "tier": "tier_9"}, {"product": "else", "tier": "tier_1"}, {},
        {"product": "things", "tier": "tier_2", "reason": "x" * 400},
        {"product": "things", "tier": "tier_2", "days": "-1"},
        {"product": "things", "tier": "tier_2", "days": "soon"},
    ):  # fmt: skip
        assert operator.send(path, **form).status_code == 422, form
    nobody = operator.user.space_id
    assert (
        operator.send(f"/admin/users/{nobody}/grant", product="things", tier="tier_2").status_code
        == 404
    )
    assert (noted(host), told) == ([], [])
    assert tiers.resolve(host, "things", person.space_id).source == "default"


def test_a_tier_may_be_given_for_a_time(
    host: Host, operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    person = make_user()
    path = f"/admin/users/{person.user_id}/grant"
    operator.send(path, product="things", tier="tier_2", days="30")
    assert tiers.resolve(host, "things", person.space_id).tier.key == "tier_2"
    from musekit.products.models import ProductGrant

    with host.database.session(SYSTEM) as session:
        row = session.scalars(select(ProductGrant)).one()
        assert row.ends_at is not None
        assert 29 < (row.ends_at - utc_now()) / timedelta(days=1) <= 30
        row.starts_at = utc_now() - timedelta(days=31)
        row.ends_at = utc_now() - timedelta(days=1)
    assert tiers.resolve(host, "things", person.space_id).source == "default"


def test_it_asks_again_who_one_is(
    host: Host, operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    person = make_user()
    with host.database.session(SYSTEM) as session:
        session.execute(update(UserSession).values(authenticated_at=utc_now() - timedelta(hours=2)))
    answer = operator.send(f"/admin/users/{person.user_id}/grant", product="things", tier="tier_2")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/re-authenticate")
    assert tiers.resolve(host, "things", person.space_id).source == "default"


def test_nobody_gives_a_tier_to_themselves(host: Host, make_user: Callable[..., SignedIn]) -> None:
    person = make_user()
    answer = person.client.post(
        f"/admin/users/{person.user_id}/grant", headers=person.headers,
        data={"product": "things", "tier": "tier_3"},
    )  # fmt: skip
    assert answer.status_code == 403
    assert tiers.resolve(host, "things", person.space_id).source == "default"
