"""Everybody who asks: who they are, and how a request of theirs is to end.

To add one, write a function that prepares them and returns an `Asker`, and name it in `ASKERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import update
from tests.isolation.routes import Route
from tests.isolation.world import SYSTEM, Person, World, bearer, browser

from musekit.auth.models import UserSession

Statuses = frozenset[int]
FORBIDDEN = frozenset({403})
ROLES = ("viewer", "editor", "admin")


@dataclass(frozen=True)
class Asker:
    """Somebody who asks for the victim's things.

    Args:
        headers: what they send.
        expected: how it is to end; None: they do not ask for that route.
        belongs: a member of the victim's space: what they are told, and what they may change
            there when the request is let through, is no leak.
        knows: of the victim's space, though it is not theirs or they are in another just now: its
            id is no news to them.
        again: brings them back when a request has ended their session.
    """

    headers: dict[str, str]
    expected: Callable[[Route], Statuses | None]
    belongs: bool = False
    knows: bool = False
    operator: bool = False
    again: Callable[[], Asker] | None = None


def as_nobody(route: Route) -> Statuses:
    """Return how a request by nobody is to end."""
    if route.is_public:
        return route.row.visitor
    if route.is_page and route.method == "GET":
        return frozenset({303})
    return frozenset({401})


def as_stranger(route: Route, *, token: bool = False, operator: bool = False) -> Statuses:
    """Return how a request with somebody else's things is to end."""
    if route.kind == "secret":
        return frozenset({401})
    if route.kind == "operator":
        return route.row.operator if operator and not token else FORBIDDEN
    if token and route.browser:
        return FORBIDDEN
    return route.row.owner if route.row.stranger is None else route.row.stranger


def as_member(route: Route, held: frozenset[str], *, token: bool = False) -> Statuses:
    """Return how a request by a member with some rights is to end, about things of the space."""
    if route.rule is None or route.kind != "permission":
        return as_owner(route) if route.row.members else as_stranger(route, token=token)
    if route.rule.name not in held or (token and route.browser):
        return FORBIDDEN
    return as_stranger(route) if route.row.personal else route.row.owner


def as_owner(route: Route, *, token: bool = False) -> Statuses:
    """Return how it is to end for whoever may: the control of the whole matrix."""
    if route.kind == "operator" or (token and route.browser):
        return FORBIDDEN
    return route.row.owner


def _nobody(world: World) -> Asker:
    return Asker({}, as_nobody)


def _mistyped(world: World) -> Asker:
    token = world.people["victim"].token
    return Asker(bearer(token[:-1] + ("a" if token[-1] != "a" else "b")), as_nobody)


def _stranger(world: World) -> Asker:
    return _at_home(world, _person(world, "stranger"), as_stranger)


def _operator(world: World) -> Asker:
    operator = _person(world, "operator", operator=True)
    return _at_home(world, operator, lambda route: as_stranger(route, operator=True), operator=True)


def _guest(world: World) -> Asker:
    """As powerful in the victim's space as its owner, but in their own just now."""
    guest = _person(world, "guest", role="owner")
    return _at_home(
        world, guest, lambda route: as_owner(route) if route.row.members else as_stranger(route),
        knows=True,
    )  # fmt: skip


def _gone(world: World) -> Asker:
    """Has left the victim's space, with a browser that was in it: it shows their own now."""
    gone, victim = _person(world, "gone"), world.people["victim"]
    world.join(gone, victim, "admin")
    world.sign_in(gone, victim.space_id)
    world.leave(gone, victim)
    return Asker(browser(gone), as_stranger, knows=True, again=lambda: _gone(world))


def _at_home(
    world: World, person: Person, expected: Callable[[Route], Statuses | None],
    *, knows: bool = False, operator: bool = False,
) -> Asker:  # fmt: skip
    def again() -> Asker:
        world.sign_in(person)
        return _at_home(world, person, expected, knows=knows, operator=operator)

    return Asker(browser(person), expected, knows=knows, operator=operator, again=again)


def _token_of(name: str) -> Callable[[World], Asker]:
    def asker(world: World) -> Asker:
        person = _person(world, name, operator=name == "operator")
        return Asker(bearer(person.token), lambda route: as_stranger(route, token=True))

    return asker


def _token_of_gone(world: World) -> Asker:
    gone, victim = _person(world, "gone"), world.people["victim"]
    world.join(gone, victim, "admin")
    token = world.token_of(gone, victim.space_id, ["*"])
    world.leave(gone, victim)
    return Asker(bearer(token), as_nobody)


def _member(role: str) -> Callable[[World], Asker]:
    """Somebody with a role in the victim's space, and in it."""

    def asker(world: World) -> Asker:
        person = _person(world, role, role=role)
        world.sign_in(person, world.people["victim"].space_id)
        held = world.host.registry.permissions_of(role)
        return Asker(
            browser(person), lambda route: as_member(route, held), belongs=True,
            again=lambda: asker(world),
        )  # fmt: skip

    return asker


def _token_of_member(role: str) -> Callable[[World], Asker]:
    """A token of such a member, with all rights that they have."""

    def asker(world: World) -> Asker:
        person = _person(world, role, role=role)
        token = world.token_of(person, world.people["victim"].space_id, ["*"])
        held = world.host.registry.permissions_of(role)

        def expected(route: Route) -> Statuses | None:
            return as_member(route, held, token=True) if route.kind == "permission" else None

        return Asker(bearer(token), expected, belongs=True)

    return asker


def _token_without_rights(world: World) -> Asker:
    victim = world.people["victim"]
    token = world.token_of(victim, victim.space_id, ["nothing"])

    def expected(route: Route) -> Statuses | None:
        own = route.row.stranger is None or route.kind in ("host", "permission")
        return as_member(route, frozenset(), token=True) if own else None

    return Asker(bearer(token), expected, belongs=True)


def _long_ago(world: World) -> Asker:
    """The victim, who proved who they are yesterday: too long ago for dangerous acts."""
    headers = _session_of_victim(world, authenticated_at=datetime.now(UTC) - timedelta(days=1))

    def expected(route: Route) -> Statuses | None:
        if route.rule is None or not route.rule.recent:
            return None
        asked = route.is_page and route.kind != "operator"
        return frozenset({303}) if asked else FORBIDDEN

    return Asker(headers, expected, belongs=True)


def _impersonated(world: World) -> Asker:
    """An operator who acts as the victim: what only they may do is refused."""
    operator = _person(world, "operator", operator=True)
    headers = _session_of_victim(
        world, impersonator_user_id=operator.user_id, impersonator_session_id=operator.session_id
    )

    def expected(route: Route) -> Statuses | None:
        return FORBIDDEN if route.rule is not None and route.rule.in_person else None

    return Asker(headers, expected, belongs=True)


def _session_of_victim(world: World, **values: object) -> dict[str, str]:
    """Return headers of a further browser of the victim, whose session is changed."""
    again = replace(world.people["victim"])
    world.sign_in(again)
    with world.host.database.session(SYSTEM) as session:
        session.execute(
            update(UserSession).where(UserSession.id == again.session_id).values(**values)
        )
    return browser(again)


def _person(world: World, name: str, *, operator: bool = False, role: str = "") -> Person:
    """Return somebody of that name, made when first asked for."""
    if name not in world.people:
        person = world.add(name, operator=operator)
        if role:
            world.join(person, world.people["victim"], role)
    return world.people[name]


ASKERS: dict[str, Callable[[World], Asker]] = {
    "nobody": _nobody,
    "a mistyped token": _mistyped,
    "stranger": _stranger,
    "token of stranger": _token_of("stranger"),
    "operator": _operator,
    "token of operator": _token_of("operator"),
    "guest": _guest,
    "gone": _gone,
    "token of gone": _token_of_gone,
    **{role: _member(role) for role in ROLES},
    **{f"token of {role}": _token_of_member(role) for role in ROLES},
    "token without rights": _token_without_rights,
    "long ago": _long_ago,
    "impersonated": _impersonated,
}
#: Those who ask for the few routes only that they are about.
OF_FEW = ("long ago", "impersonated")
