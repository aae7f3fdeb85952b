"""A person deletes their account: it is shut at once, and a job takes it away.

Between the two nobody comes in, and the person cannot be made the owner of anything. What they
made in the spaces of organizations is handed to those; their personal space goes with all in it.
"""

from __future__ import annotations

import logging
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.auth import endings, journal, removal
from musekit.auth.closing import demand_other_operator
from musekit.auth.models import User
from musekit.auth.resolve import SYSTEM
from musekit.billing import cancelling, customers, mirror
from musekit.email import service as email
from musekit.errors import ConflictError, InvalidError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ratelimit import keys
from musekit.organizations import events as organization_events
from musekit.organizations import leaving
from musekit.products.owners import Owner

logger = logging.getLogger(__name__)

JOB = "account-delete"
#: States of a subscription after which Stripe asks for no more money.
_OVER = ("canceled", "incomplete", "incomplete_expired")


def ask(request: Request, host: Host, actor: Actor, typed: str) -> None:
    """Shut the actor's account, and ring for the job that deletes it; an edge.

    Args:
        typed: the address of the account, as the person has typed it to show that they mean it.

    Raises:
        InvalidError: it is another address.
        ConflictError: the account is needed (see `demand_free`); nothing was changed.
    """
    assert actor.user_id is not None
    with host.database.session(SYSTEM) as session:
        user = session.scalars(select(User).where(User.id == actor.user_id).with_for_update()).one()
        if typed.strip().casefold() != user.email_key:
            raise InvalidError(
                "This is not the address of your account. Nothing was deleted.",
                errors=[{"field": "email", "message": f"type {user.email}, if you mean it"}],
            )
        demand_free(session, user)
        user.deleting_at = now = utc_now()
        ended = endings.end_everything(session, user.id)
        email.queue(
            session, host, "account-deleted", to=user,
            context={"at": now, "zone": user.zone, "ip": keys.address_of(request)},
        )  # fmt: skip
        journal.note(
            session, actor, "user.deletion_asked", target=("user", user.id), request=request,
            detail={"browsers_signed_out": ended.sessions},
        )  # fmt: skip
    host.broker.enqueue(JOB)


def demand_free(session: Session, user: User) -> None:
    """Raise ConflictError if others would be left with nobody, or a plan with nobody to end it.

    Organizations that only the user is in go with them. Runs as the system.
    """
    demand_other_operator(session, user)
    owners = [Owner(user.id, None)]
    for joined, heir in leaving.heirs(session, user.id):
        if heir is None:
            owners.append(Owner(None, joined.id))
    if any(_pays(session, owner) for owner in owners):
        raise ConflictError(
            "A plan of yours is still being paid for. Cancel it under Billing first, so that you"
            " are not charged for what is gone. Nothing was deleted."
        )


def _pays(session: Session, owner: Owner) -> bool:
    customer = customers.find(session, owner)
    return customer is not None and any(
        each.status not in _OVER and not each.cancel_at_period_end and each.cancel_at is None
        for each in mirror.subscriptions_of(session, customer.id)
    )


def work(host: Host) -> int:
    """Delete the accounts whose people want it, each in a unit of its own; an edge.

    One that cannot be deleted now stays shut and is tried again.

    Returns:
        how many are gone.
    """
    with host.database.session(SYSTEM, readonly=True) as session:
        waiting = session.scalars(
            select(User.id).where(User.deleting_at.is_not(None)).order_by(User.deleting_at)
        ).all()
    return sum(_delete(host, user_id) for user_id in waiting)


def end_payments(host: Host, user_id: UUID) -> bool:
    """End at once what a user pays for, and what organizations pay for that go with them.

    An edge, before the user is deleted: it calls Stripe.

    Returns:
        False if Stripe could not be asked; then nothing is to be deleted yet.

    Raises:
        ConflictError: an organization with other members would be left without an owner.
    """
    with host.database.session(SYSTEM) as session:
        gone = [joined.id for joined, heir in leaving.heirs(session, user_id) if heir is None]
    owners = [Owner(user_id, None), *(Owner(None, each) for each in gone)]
    return all(cancelling.cancel_all(host, each) for each in owners)


def _delete(host: Host, user_id: UUID) -> bool:
    try:
        if not end_payments(host, user_id):
            logger.warning("account %s is not deleted yet: its plans could not be ended", user_id)
            return False
        with host.database.session(SYSTEM) as session:
            # Another worker may be at it, or have done it.
            mine = session.scalar(
                select(User.id)
                .where(User.id == user_id, User.deleting_at.is_not(None))
                .with_for_update(skip_locked=True)
            )
            if mine is None:
                return False
            organization_events.leaves_all(session, host, user_id)
            removal.remove(session, user_id)
            journal.note(session, SYSTEM, "user.deleted", target=("user", user_id))
    except ConflictError as error:
        logger.warning("account %s is not deleted yet: %s", user_id, error.detail)
        return False
    host.registry.hooks.on_user_deleted(host=host, user_id=user_id)
    return True
