"""The one client of Stripe of a host, and what its errors mean to people."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from musekit.billing.settings import BillingSettings
from musekit.errors import ConflictError, UnavailableError
from musekit.kernel.host import Host

if TYPE_CHECKING:
    from stripe import StripeClient

logger = logging.getLogger(__name__)


class NotForSaleError(ConflictError):
    """Stripe is not set up: nothing can be bought here."""

    code, title = "not-configured", "Nothing is for sale here"


class _Kept:
    def __init__(self, client: StripeClient) -> None:
        self.client = client


def client_of(host: Host) -> StripeClient:
    """Return the client of Stripe; made at its first use, for the SDK takes half a second.

    Raises:
        NotForSaleError: there is no key.
    """
    try:
        kept: _Kept = host.get(_Kept)
    except KeyError:
        settings = host.settings_of(BillingSettings)
        if not settings.is_configured or settings.stripe_secret_key is None:
            raise NotForSaleError(
                "Payments are not set up in this deployment. Whoever runs it gives the plans."
            ) from None
        from musekit.billing.stripe_http import make_client

        key = settings.stripe_secret_key.get_secret_value()
        kept = _Kept(make_client(host, key, settings.stripe_url))
        host.put(_Kept, kept)
    return kept.client


@contextmanager
def speaking_plainly() -> Iterator[None]:
    """Turn errors of Stripe into ours, for calls that a person waits for.

    Raises:
        ConflictError: Stripe refuses this.
        UnavailableError: Stripe cannot be reached, or does not answer properly.
    """
    import stripe

    try:
        yield
    except (stripe.CardError, stripe.InvalidRequestError) as error:
        logger.warning("Stripe refused: %s %s", error.code, error.request_id)
        raise ConflictError(
            "Stripe refused this. Nothing was bought or changed. Try again, or ask for help.",
            extra={"stripe_code": error.code},
        ) from error
    except stripe.StripeError as error:
        logger.warning("Stripe failed: %s %s", type(error).__name__, error.request_id)
        raise UnavailableError(
            "Stripe cannot be reached at the moment. Nothing was bought or changed; try again."
        ) from error
