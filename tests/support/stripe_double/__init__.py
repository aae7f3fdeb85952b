"""A double of Stripe that speaks its HTTP: form-encoded requests, its objects, signed webhooks.

It is driven by the official SDK, over loopback, and keeps a ledger of every request. What it knows
of Stripe stands in its modules with the source: the SDK's typed classes (stripe 16.1.0, API
2026-10-28.endive) and Stripe's public API reference, read in November 2026.
"""

from tests.support.stripe_double.app import StripeDouble
from tests.support.stripe_double.events import signature

__all__ = ["StripeDouble", "signature"]
