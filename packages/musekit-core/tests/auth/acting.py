"""An operator who acts as a person, without the page on which that begins."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from musekit.auth.models import User, UserSession
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")


def acting(host: Host, operator: SignedIn) -> dict[str, UUID]:
    """Make somebody an operator; return what a session has in which they are somebody else."""
    with host.database.session(SYSTEM) as session:
        session.get_one(User, operator.user_id).is_operator = True
        own = session.scalars(
            select(UserSession.id).where(UserSession.user_id == operator.user_id)
        ).one()
    return {"impersonator_user_id": operator.user_id, "impersonator_session_id": own}
