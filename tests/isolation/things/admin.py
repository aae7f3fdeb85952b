"""People and their mail, as an operator names them."""

from __future__ import annotations

from uuid import UUID

from tests.isolation.world import SYSTEM, Person, World

from musekit.api import new_id
from musekit.audit.models import AuditEntry
from musekit.auth.models import User
from musekit.email import service, suppression
from musekit.kernel.database.types import utc_now
from musekit.kernel.queue.models import FailedJob


def person(world: World, it: Person) -> UUID:
    """The person."""
    return it.user_id


def nobody(world: World, it: Person) -> UUID:
    """The id of no user at all."""
    return new_id()


def mail(world: World, it: Person) -> UUID:
    """A mail to a person, with a link in it that is theirs alone."""
    known = world.made.get((it.name, "mail"))
    if known is None:
        secret = f"https://app.example/reset/canary-of-{it.name}-in-a-mail"
        it.secrets.add(secret)
        with world.host.database.session(SYSTEM) as session:
            known = service.queue(
                session, world.host, "reset-password", to=session.get_one(User, it.user_id),
                context={"url": secret, "minutes": 60},
            )  # fmt: skip
        assert known is not None
        world.made[it.name, "mail"] = known
    return known


def failed_job(world: World, it: Person) -> UUID:
    """A job that failed for good; made anew, for it is taken off the list."""
    job_id = new_id()
    with world.host.database.session(SYSTEM) as session:
        session.add(
            FailedJob(
                id=job_id, name="usage-sweep", ids={}, attempts=4, error="OSError: away",
                failed_at=utc_now(),
            )
        )  # fmt: skip
    return job_id


def entry(world: World, it: Person) -> UUID:
    """An entry of the audit log, of something the person did in their space."""
    known = world.made.get((it.name, "entry"))
    if known is None:
        known = new_id()
        with world.host.database.session(SYSTEM) as session:
            session.add(
                AuditEntry(
                    id=known, actor_kind="user", actor_user_id=it.user_id, action="thing.done",
                    in_space_id=it.space_id, target_kind="user", target_id=str(it.user_id),
                )
            )  # fmt: skip
        world.made[it.name, "entry"] = known
    return known


def silent_mailbox(world: World, it: Person) -> str:
    """The address of a person who wants no mail of one kind."""
    with world.host.database.session(SYSTEM) as session:
        suppression.add(session, it.email.casefold(), "usage", "unsubscribed")
    return it.email.casefold()
