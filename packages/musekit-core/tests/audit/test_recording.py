"""Recording who did what: with the act, or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from starlette.requests import Request

from musekit.audit import sweeping
from musekit.audit.models import AuditEntry
from musekit.audit.service import record
from musekit.errors import TenancyError
from musekit.housekeeping import jobs as housekeeping
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now

SYSTEM = Actor.system("tests")
THING = UUID(int=7)


@pytest.fixture
def ada(make_user) -> Actor:
    user = make_user()
    return Actor(
        kind="user", name=f"user:{user.user_id}", user_id=user.user_id, space_id=user.space_id
    )


def entries(host) -> list[AuditEntry]:
    with host.database.session(SYSTEM, readonly=True) as session:
        found = session.scalars(
            select(AuditEntry).where(AuditEntry.target_kind == "thing").order_by(AuditEntry.id)
        ).all()
        session.expunge_all()
        return list(found)


def test_an_entry_tells_who_did_what_where_and_from_where(host, ada) -> None:
    scope = {"type": "http", "headers": [], "client": ("203.0.113.9", 1),
             "state": {"request_id": "req-12345678"}}  # fmt: skip
    with host.database.session(ada) as session:
        record(
            session, ada, "thing.made", target=("thing", THING), request=Request(scope),
            detail={"name": "it", "of": THING, "count": 2},
        )  # fmt: skip
    [it] = entries(host)
    assert (it.action, it.target_id, it.actor_kind, it.via) == (
        "thing.made", str(THING), "user", "browser",
    )  # fmt: skip
    assert (it.actor_user_id, it.in_space_id) == (ada.user_id, ada.space_id)
    assert (it.ip, it.request_id) == ("203.0.113.9", "req-12345678")
    assert it.detail == {"name": "it", "of": str(THING), "count": 2}


def test_what_is_rolled_back_was_not_done(host, ada) -> None:
    def fail(session) -> None:
        record(session, ada, "thing.made", target=("thing", THING))
        session.flush()
        raise InterruptedError

    with pytest.raises(InterruptedError), host.database.session(ada) as session:
        fail(session)
    assert entries(host) == []


def test_the_system_tells_its_name_and_may_speak_for_others(host, ada) -> None:
    behind = replace(ada, impersonator_id=UUID(int=9), token_id=UUID(int=8), via="token")
    with host.database.session(SYSTEM) as session:
        record(session, SYSTEM, "thing.swept", target=("thing", 1), space_id=ada.space_id)
        record(session, behind, "thing.made", target=("thing", 2), organization_id=THING)
    swept, made = entries(host)
    assert (swept.detail, swept.actor_kind, swept.actor_user_id) == (
        {"system": "tests"}, "system", None,
    )  # fmt: skip
    assert (made.impersonator_id, made.token_id, made.in_organization_id) == (
        UUID(int=9), UUID(int=8), THING,
    )  # fmt: skip


def test_a_person_speaks_for_nobody_else(host, ada, make_user) -> None:
    other = make_user()
    with pytest.raises(TenancyError), host.database.session(ada) as session:
        record(session, ada, "thing.made", target=("thing", 1), space_id=other.space_id)
    with pytest.raises(TenancyError), host.database.session(ada) as session:
        record(session, replace(ada, user_id=other.user_id), "thing.made", target=("thing", 1))
    assert entries(host) == []


def test_entries_are_swept_after_400_days(host, ada) -> None:
    def old(days: int) -> AuditEntry:
        at = utc_now() - timedelta(days=days)
        return AuditEntry(at=at, actor_kind="system", action="thing.made", target_kind="thing")

    with host.database.session(SYSTEM) as session:
        session.add_all([old(401), old(399)])
    with host.database.session(SYSTEM) as session:
        assert sweeping.sweep(session) == 1
    assert len(entries(host)) == 1
    housekeeping.sweep(host)  # the job does it, too


@pytest.mark.parametrize("backend", ["postgres"])
def test_not_even_the_owner_empties_the_log(host, ada, settings) -> None:
    import sqlalchemy as sa

    with host.database.session(ada) as session:
        record(session, ada, "thing.made", target=("thing", THING))
    owner = sa.create_engine(settings.database_owner_url)
    with (
        pytest.raises(DBAPIError, match="neither changed nor deleted"),
        owner.begin() as connection,
    ):
        connection.execute(sa.text("TRUNCATE audit_log"))
    owner.dispose()
    assert len(entries(host)) == 1


@pytest.mark.parametrize("name", ["password", "access_token", "api_key", "csrf"])
def test_an_entry_holds_no_secret(host, ada, name) -> None:
    with host.database.session(ada) as session, pytest.raises(ValueError, match=name):
        record(session, ada, "thing.made", target=("thing", 1), detail={name: "x"})


@pytest.mark.parametrize("action", ["made", "thing.", ".made", ""])
def test_actions_have_one_shape(host, ada, action) -> None:
    with host.database.session(ada) as session, pytest.raises(ValueError, match="shape"):
        record(session, ada, action)
