"""Spaces that are entered with a second factor only, because their organization asks for one.

Which those are is asked once in a few seconds, not with every request; the process in which an
owner changes it knows at once.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from musekit.auth.models import UserSession
from musekit.auth.second_factors.models import STRONG, Passkey, UserTotp
from musekit.errors import ForbiddenError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.organizations.models import OrganizationSettings
from musekit.spaces.models import Space

#: In the settings of an organization, as JSON.
KEY = "requireSecondFactor"
LASTS = 5.0  #: seconds that an answer holds in other processes
SAYS = (
    "This organization asks its members for a second factor. Set up an authenticator app or a"
    " passkey, or confirm that it is you by one that you have; then go there again."
)
_ACTOR = Actor.system("second factor")


class SecondFactorNeededError(ForbiddenError):
    """The space is entered with a second factor only."""

    code, title = "second-factor-needed", "A second factor is needed here"


class _Known:
    until = 0.0
    spaces: frozenset[UUID] = frozenset()


def spaces(host: Host) -> frozenset[UUID]:
    """Return the spaces that ask for one. Opens a unit of its own where it is not known."""
    known = _known(host)
    if known.until <= time.monotonic():
        with host.database.session(_ACTOR, readonly=True, single=True) as session:
            found = session.scalars(
                select(Space.id)
                .join(
                    OrganizationSettings,
                    OrganizationSettings.organization_id == Space.organization_id,
                )
                .where(OrganizationSettings.settings[KEY].as_boolean())
            )
            known.spaces = frozenset(found)
        known.until = time.monotonic() + LASTS
    return known.spaces


def forget(host: Host) -> None:
    """Ask anew with the next request: an organization has changed its mind, or has more spaces."""
    _known(host).until = 0.0


def lets_in(host: Host, space_id: UUID, methods: Sequence[str] | None) -> bool:
    """Say whether a session that was proven by these methods may be in a space."""
    return bool(STRONG.intersection(methods or ())) or space_id not in spaces(host)


def demand(session: Session, session_id: UUID, space_id: UUID, *, asked: Collection[UUID]) -> None:
    """See that a session may go to a space. Runs as the system.

    Those that an organization's own service has let in are its own affair, and an operator who
    acts as somebody has proven themselves before.

    Args:
        asked: what `spaces` says, looked up before the unit of work.

    Raises:
        SecondFactorNeededError: its person came in without one.
    """
    row = session.get_one(UserSession, session_id)
    exempt = row.organization_id is not None or row.by_operator
    strong = exempt or STRONG.intersection(row.methods or ())
    if not strong and space_id in asked:
        raise SecondFactorNeededError(SAYS)


def has_one(session: Session, user_id: UUID) -> bool:
    """Say whether a person has set one up. Runs as the system."""
    app = select(UserTotp.user_id).where(
        UserTotp.user_id == user_id, UserTotp.confirmed_at.is_not(None)
    )
    key = select(Passkey.id).where(Passkey.user_id == user_id)
    return bool(session.scalar(select(or_(app.exists(), key.exists()))))


def _known(host: Host) -> _Known:
    try:
        found: _Known = host.get(_Known)
    except KeyError:
        found = _Known()
        host.put(_Known, found)
    return found
