"""One person, one organization: how they come in, what they may use and why; closed, opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from musekit.audit.models import AuditEntry
from musekit.auth import reset
from musekit.auth.models import User
from musekit.email.models import OutboxMail
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.organizations import service
from musekit.products import tiers
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")


def main(page: Any) -> str:
    text: str = page.text.partition("<main")[2]
    return text


def organization_of(
    host: Host, person: SignedIn, name: str = "Juniper & Sons"
) -> tuple[UUID, UUID]:
    with host.database.session(SYSTEM) as session:
        made, space = service.create(session, person.user_id, name)
        return made.id, space.id


def actions(host: Host) -> list[str]:
    with host.database.session(SYSTEM, readonly=True) as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.at, AuditEntry.id)).all()
    acts = [each.action for each in entries if each.target_kind in ("user", "organization")]
    return [each for each in acts if each != "user.signed_in"]


def test_a_person_with_all_six_steps(
    host: Host, operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    person = make_user("ada@example.com")
    organization_id, _ = organization_of(host, person)
    page = main(operator.page(f"/admin/users/{person.user_id}"))
    for step in ("1. registry", "2. Stripe", "3. definitions", "4. definition", "5. limits",
                 "6. default"):  # fmt: skip
        assert page.count(step) == 2, step  # in both spaces
    assert "1 browser" in page
    assert f"/admin/organizations/{organization_id}" in page
    assert "ada@example.com" in page
    assert person.token not in page


def test_an_account_is_closed_and_opened(
    host: Host, operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    person = make_user()
    path = f"/admin/users/{person.user_id}"
    assert operator.send(f"{path}/close", reason=" ").status_code == 422
    assert person.client.get("/api/auth/me").status_code == 200
    operator.send(f"{path}/close", reason="spam")
    assert person.client.get("/api/auth/me").status_code == 401
    assert person.client.get("/api/auth/me", headers=person.headers).status_code == 401
    assert "This account is closed" in main(operator.page(path))
    assert person.email in main(operator.page("/admin/users", state="closed"))
    operator.send(f"{path}/open")
    signed_in = person.client.post(
        "/api/auth/sign-in", json={"email": person.email, "password": person.password}
    )
    assert signed_in.status_code == 200
    assert actions(host) == ["user.disabled", "user.enabled"]
    with host.database.session(SYSTEM, readonly=True) as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "user.disabled")
        ).one()
    assert entry.detail["reason"] == "spam"


def test_helped_in_and_out(host: Host, operator: Any, make_user: Callable[..., SignedIn]) -> None:
    person = make_user("ada@example.com")
    path = f"/admin/users/{person.user_id}"
    operator.send(f"{path}/confirm-link")
    operator.send(f"{path}/reset-link")
    reset.send_asked(host)
    with host.database.session(SYSTEM, readonly=True) as session:
        mails = session.scalars(
            select(OutboxMail).where(OutboxMail.to_email == "ada@example.com")
        ).all()
    kinds = sorted(each.template for each in mails)
    assert kinds == ["reset-password", "verify-email"]
    operator.send(f"{path}/sign-out")
    assert person.client.get("/api/auth/me").status_code == 401
    assert person.client.get("/api/auth/me", headers=person.headers).status_code == 200
    operator.send(f"/admin/users/{operator.user.user_id}/sign-out")
    assert operator.page(path).status_code == 200
    assert actions(host) == ["user.confirmation_mailed", "user.reset_mailed", "user.signed_out"]
    with host.database.session(SYSTEM) as session:
        session.get_one(User, person.user_id).email_verified_at = utc_now()
    operator.send(f"{path}/confirm-link")
    assert "confirmed already" in operator.page(path).text
    for _ in range(6):
        assert operator.send(f"{path}/reset-link").status_code == 303
    assert actions(host).count("user.reset_mailed") == 5


def test_nobody_shuts_themselves_out(host: Host, operator: Any) -> None:
    path = f"/admin/users/{operator.user.user_id}"
    assert "Close the account" not in main(operator.page(path))
    operator.send(f"{path}/close", reason="tired")
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.get_one(User, operator.user.user_id).disabled_at is None
    assert operator.page(path).status_code == 200


def test_an_organization_is_found_and_given_a_tier(
    host: Host, operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    person = make_user("ada@example.com")
    organization_id, space_id = organization_of(host, person)
    organization_of(host, person, "Else")
    listed = main(operator.page("/admin/organizations", search="JUNIPER"))
    assert "Juniper &amp; Sons" in listed
    assert "Else" not in listed
    path = f"/admin/organizations/{organization_id}"
    page = main(operator.page(path))
    assert "ada@example.com" in page
    assert "6. default" in page
    operator.send(f"{path}/grant", product="things", tier="tier_2", reason="partners")
    assert tiers.resolve(host, "things", space_id).tier.key == "tier_2"
    assert tiers.resolve(host, "things", person.space_id).tier.key == "tier_1"
    assert "partners" in main(operator.page(path))
    assert "Juniper" in main(operator.page("/admin/products/things"))
    assert operator.send(f"{path}/grant", product="things", tier="tier_9").status_code == 422
    operator.send(f"{path}/take-back", product="things")
    assert tiers.resolve(host, "things", space_id).source == "default"
    assert actions(host) == ["tier.granted", "tier.taken_back"]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_no_such_one(operator: Any) -> None:
    nobody = operator.user.space_id
    for path in (f"/admin/users/{nobody}", f"/admin/organizations/{nobody}"):
        assert operator.page(path).status_code == 404
        assert operator.send(f"{path}/grant", product="things", tier="tier_1").status_code == 404
    assert operator.send(f"/admin/users/{nobody}/close", reason="x").status_code == 404
    assert operator.send(f"/admin/users/{nobody}/open").status_code == 404


def test_organizations_that_are_being_deleted(
    host: Host, operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    person = make_user()
    organization_of(host, person, "Stays")
    gone, _ = organization_of(host, person, "Goes")
    with host.database.session(SYSTEM) as session:
        from musekit.organizations.models import Organization

        session.get_one(Organization, gone).deleting_at = utc_now()
    listed = main(operator.page("/admin/organizations", state="closing"))
    assert "Goes" in listed
    assert "Stays" not in listed
    assert operator.page(f"/admin/organizations/{gone}").status_code == 200
