"""The ledger of Stripe's events: verified on the raw body, each kept once, none believed.

Of an event only ids are used: it says that something of a customer changed, and what that is now is
fetched (`musekit.billing.sync`). So order, repeats and lies in a payload cannot matter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.billing import customers
from musekit.billing.inserting import insert
from musekit.billing.models import StripeEvent
from musekit.billing.settings import BillingSettings
from musekit.errors import MuseKitError, NotFoundError
from musekit.kernel.database.types import utc_now

#: Seconds that a signature stays good, as Stripe's own libraries have it.
TOLERANCE = 300
#: What can change a subscription or what it is called. Others are kept, and answered by nothing.
ABOUT_CUSTOMERS = ("customer.", "checkout.session.", "invoice.", "subscription_schedule.")
ABOUT_CATALOGUE = ("product.", "price.")


class NotSignedError(MuseKitError):
    """A webhook that Stripe did not send to us, or too long ago."""

    status, code, title = 400, "bad-signature", "Not signed by Stripe"


def verified(settings: BillingSettings, body: bytes, signature: str) -> dict[str, Any]:
    """Return the event in a body that Stripe signed.

    Args:
        signature: the header ``Stripe-Signature``.

    Raises:
        NotFoundError: no signing secret is set, so there is no such endpoint.
        NotSignedError: no live secret made this signature within the last five minutes.
    """
    if not settings.webhook_secrets:
        raise NotFoundError("There is no such page.")
    if not any(_is_signed(body, signature, secret) for secret in settings.webhook_secrets):
        raise NotSignedError("The signature is missing, wrong or too old. Nothing was done.")
    try:
        event = json.loads(body)
        if not isinstance(event, dict) or event.get("object") != "event":
            raise ValueError
        str(event["id"]), str(event["type"]), int(event["created"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotSignedError("The body is no event of Stripe. Nothing was done.") from None
    return event


def _is_signed(body: bytes, signature: str, secret: str) -> bool:
    import stripe

    try:
        return bool(
            stripe.WebhookSignature.verify_header(body, signature, secret, tolerance=TOLERANCE)
        )
    except (stripe.SignatureVerificationError, ValueError, IndexError):
        return False  # the library lets malformed headers through as errors of its own parsing


def record(session: Session, settings: BillingSettings, event: Mapping[str, Any]) -> str:
    """Keep an event and ask for what it may have changed, in the caller's unit of work.

    Returns:
        What is to be done: ``received`` (ring the job), ``done`` or ``ignored``.
    """
    customer = _customer_in(event)
    state = "ignored" if _is_ignored(settings, event) else "received"
    if state == "received" and customer is not None:
        # A customer we do not know (yet) is looked up by the job, outside of this answer.
        customers.request_sync(session, stripe_id=customer)
    kept = session.scalar(_upsert(session, event, customer, state))
    return str(kept)


def _upsert(session: Session, event: Mapping[str, Any], customer: str | None, state: str) -> Any:
    row = insert(session, StripeEvent).values(
        id=event["id"], type=event["type"], account=event.get("account"),
        livemode=bool(event.get("livemode")), customer=customer,
        stripe_created=datetime.fromtimestamp(int(event["created"]), UTC), received_at=utc_now(),
        payload=dict(event), state=state, deliveries=1, attempts=0,
    )  # fmt: skip
    return row.on_conflict_do_update(
        index_elements=["id"], set_={"deliveries": StripeEvent.deliveries + 1}
    ).returning(StripeEvent.state)


def _customer_in(event: Mapping[str, Any]) -> str | None:
    about = (event.get("data") or {}).get("object") or {}
    found = about.get("id") if about.get("object") == "customer" else about.get("customer")
    return found if isinstance(found, str) else None


def _is_ignored(settings: BillingSettings, event: Mapping[str, Any]) -> bool:
    """Say whether an event is of another account, of the other mode, or of no concern."""
    return (
        bool(event.get("livemode")) != settings.is_live
        or (event.get("account") or "") != settings.stripe_account
        or not str(event["type"]).startswith(ABOUT_CUSTOMERS + ABOUT_CATALOGUE)
    )


def waiting(session: Session, *, most: int = 200) -> list[StripeEvent]:
    """Return events that are kept and not settled, the oldest first."""
    return list(
        session.scalars(
            select(StripeEvent)
            .where(StripeEvent.state == "received")
            .order_by(StripeEvent.received_at, StripeEvent.id)
            .limit(most)
        )
    )
