"""Many at once: an organization keeps an owner, a link makes one member, a role stays within."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import select

from musekit.auth.models import User
from musekit.errors import MuseKitError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.organizations import ending, members, ownership, service, spaces
from musekit.organizations.models import Organization, OrganizationMember
from musekit.spaces.models import SpaceMember

SYSTEM = Actor.system("tests")
MANY = 20


def at_once(team: Any, acts: Sequence[Callable[[Any], object]]) -> list[str]:
    """Do each in a unit of work of its own, all at the same time; return how each ended."""
    gate, outcomes = threading.Barrier(len(acts)), list[str]()

    def go(act: Callable[[Any], object]) -> None:
        gate.wait()
        try:
            with team.host.database.session(SYSTEM) as session:
                act(session)
            outcomes.append("done")
        except MuseKitError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=go, args=(each,)) for each in acts]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert len(outcomes) == len(acts)
    return outcomes


def people(team: Any, role: str, count: int) -> list[Any]:
    """Add members without browsers; return their ids."""
    made = []
    for n in range(count):
        with team.host.database.session(SYSTEM) as session:
            # The password is hashed for each, which takes its time: a person without one will do.
            user = User(email=f"{role}{n}@example.com", email_key=f"{role}{n}@example.com")
            session.add(user)
            session.flush()
            service.join(session, team.id, user.id, role, [])
            made.append(user.id)
    return made


def owners(team: Any) -> list[Any]:
    with team.host.database.session(SYSTEM, readonly=True) as session:
        return list(
            session.scalars(
                select(OrganizationMember.user_id).where(OrganizationMember.role == "owner")
            )
        )


def agrees(team: Any) -> None:
    """The roles in the first space are those of the organization."""
    with team.host.database.session(SYSTEM, readonly=True) as session:
        wanted = {row.user_id: row.role for row in session.scalars(select(OrganizationMember))}
    found = team.roles()
    assert {k: v for k, v in wanted.items() if v in service.EVERYWHERE} == {
        k: v for k, v in found.items() if v in service.EVERYWHERE
    }
    assert found.keys() <= wanted.keys()


def test_of_twenty_owners_who_leave_at_once_one_stays(team) -> None:
    everybody = [team.owner.user_id, *people(team, "owner", MANY - 1)]
    outcomes = at_once(
        team,
        [lambda s, who=who: members.remove(s, team.id, who, by=who) for who in everybody],
    )
    assert sorted(outcomes) == ["conflict", *["done"] * (MANY - 1)]
    assert len(owners(team)) == 1
    agrees(team)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_of_owners_who_leave_step_down_and_hand_over_one_is_left(team, order: int) -> None:
    heir = people(team, "admin", 1)[0]
    everybody = [team.owner.user_id, *people(team, "owner", 8)]
    ways = (
        lambda s, who: members.remove(s, team.id, who, by=who),
        lambda s, who: members.change_role(s, team.id, who, "viewer", by=who),
        lambda s, who: ownership.transfer(s, team.host, team.id, to=heir, by=who),
    )
    acts = [
        lambda s, way=ways[(n + order) % 3], who=who: way(s, who) for n, who in enumerate(everybody)
    ]
    outcomes = at_once(team, acts)
    assert set(outcomes) <= {"done", "conflict", "forbidden", "not-found"}
    assert owners(team)
    agrees(team)


def test_two_owners_take_each_other_out(team) -> None:
    other = people(team, "owner", 1)[0]
    pair = (team.owner.user_id, other)
    acts = [
        lambda s, a=a, b=b: members.remove(s, team.id, a, by=b) for a, b in (pair, pair[::-1]) * 4
    ]
    at_once(team, acts)
    assert len(owners(team)) == 1
    agrees(team)


def test_who_is_put_down_while_put_into_spaces_has_no_more_than_that(team) -> None:
    editor = people(team, "editor", 1)[0]
    places = []
    for n in range(6):
        with team.host.database.session(SYSTEM) as session:
            places.append(service.add_space(session, team.id, f"space {n}").id)
    boss = team.owner.user_id
    at_once(
        team,
        [
            *(lambda s, at=at: spaces.give(s, team.id, at, editor, "editor") for at in places),
            lambda s: members.change_role(s, team.id, editor, "viewer", by=boss),
        ],
    )
    with team.host.database.session(SYSTEM, readonly=True) as session:
        held = session.scalars(select(SpaceMember).where(SpaceMember.user_id == editor)).all()
    assert {row.role for row in held if row.space_id in places} <= {"viewer"}


def test_nobody_comes_in_while_it_is_deleted(team) -> None:
    name, boss = "Juniper & Söhne", team.owner.user_id
    newcomers = []
    for n in range(8):
        with team.host.database.session(SYSTEM) as session:
            user = User(email=f"new{n}@example.com", email_key=f"new{n}@example.com")
            session.add(user)
            session.flush()
            newcomers.append(user.id)
    outcomes = at_once(
        team,
        [
            lambda s: ending.begin(s, team.host, team.id, name=name, by=boss),
            *(lambda s, who=who: service.join(s, team.id, who, "admin", []) for who in newcomers),
            *(lambda s, n=n: service.add_space(s, team.id, f"s{n}") for n in range(4)),
        ],
    )
    assert "done" in outcomes
    with team.host.database.session(SYSTEM, readonly=True) as session:
        closed = session.get_one(Organization, team.id)
        assert closed.deleting_at is not None
        assert closed.deleting_at <= utc_now()
        assert session.scalars(select(OrganizationMember)).all() == []
    assert team.roles() == {}
    assert ending.finish(team.host) == 1
