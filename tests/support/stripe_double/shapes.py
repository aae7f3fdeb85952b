"""Objects in Stripe's shape: the members that are always there, as the SDK's classes list them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

API_VERSION = "2026-10-28.endive"
MONTH = 30 * 86400
Object = dict[str, Any]


def customer(key: str, values: Mapping[str, Any]) -> Object:
    """Who pays."""
    return _object(
        key, "customer", email=None, name=None, address=None, balance=0, delinquent=False,
        description=None, metadata={}, shipping=None,
    ) | dict(values)  # fmt: skip


def product(key: str, values: Mapping[str, Any]) -> Object:
    """What is sold."""
    return _object(
        key, "product", active=True, description=None, images=[], marketing_features=[],
        metadata={}, name="", default_price=None, type="service", url=None,
    ) | dict(values)  # fmt: skip


def price(key: str, values: Mapping[str, Any]) -> Object:
    """For how much, and how often."""
    values = dict(values)
    recurring = {
        "interval": "month", "interval_count": 1, "usage_type": "licensed",
        "trial_period_days": None, "meter": None,
    }  # fmt: skip
    recurring |= values.pop("recurring", {})
    return _object(
        key, "price", active=True, billing_scheme="per_unit", currency="usd", lookup_key=None,
        metadata={}, nickname=None, product="", recurring=recurring, tax_behavior="unspecified",
        type="recurring", unit_amount=0,
    ) | values  # fmt: skip


def subscription(key: str, values: Mapping[str, Any], sold: Object, quantity: int = 1) -> Object:
    """A running contract; the end of its period stands on the item (since API 2025-03)."""
    now = int(time.time())
    item = {
        "id": f"si_{key[4:]}", "object": "subscription_item", "created": now, "metadata": {},
        "price": sold, "quantity": quantity, "subscription": key, "discounts": [],
        "tax_rates": [], "current_period_start": now, "current_period_end": now + MONTH,
    }  # fmt: skip
    items = {"object": "list", "data": [item], "has_more": False, "url": "/v1/subscription_items"}
    return _object(
        key, "subscription", billing_cycle_anchor=now, cancel_at=None, cancel_at_period_end=False,
        canceled_at=None, collection_method="charge_automatically", currency=sold["currency"],
        customer="", default_payment_method=None, description=None, discounts=[], ended_at=None,
        items=items, latest_invoice=None, metadata={}, schedule=None, start_date=now,
        status="active", trial_end=None, trial_start=None,
    ) | dict(values)  # fmt: skip


def checkout(key: str, values: Mapping[str, Any], url: str) -> Object:
    """A page of Stripe's on which somebody pays."""
    now = int(time.time())
    kept = {
        name: values[name]
        for name in ("client_reference_id", "customer", "mode", "metadata", "success_url",
                     "cancel_url") if name in values
    }  # fmt: skip
    return _object(
        key, "checkout.session", amount_total=None, cancel_url=None, client_reference_id=None,
        currency=None, customer=None, customer_email=None, expires_at=now + 86400, metadata={},
        mode="subscription", payment_status="unpaid", status="open", subscription=None,
        success_url=None, url=f"{url}/c/pay/{key}",
    ) | kept  # fmt: skip


def schedule(key: str, of: Object) -> Object:
    """What changes of a subscription later, made from it: one phase, as it is now."""
    item = of["items"]["data"][0]
    begin, end = item["current_period_start"], item["current_period_end"]
    return _object(
        key, "subscription_schedule", application=None, canceled_at=None, completed_at=None,
        current_phase={"start_date": begin, "end_date": end}, customer=of["customer"],
        default_settings={}, end_behavior="release", metadata={},
        phases=[phase(item["price"]["id"], begin, end)], released_at=None,
        released_subscription=None, status="active", subscription=of["id"], test_clock=None,
    )  # fmt: skip


def phase(price: str, begin: int, end: int, metadata: Mapping[str, str] | None = None) -> Object:
    """One stretch of a schedule; its prices are ids unless they are expanded."""
    item = {"price": price, "quantity": 1, "metadata": {}, "discounts": [], "tax_rates": []}
    return {
        "start_date": begin, "end_date": end, "items": [item], "metadata": dict(metadata or {}),
        "proration_behavior": "none", "trial_end": None, "currency": "usd",
    }  # fmt: skip


def preview(lines: list[tuple[str, int, bool]], of: Object, at: int) -> Object:
    """An invoice that is worked out and not kept; lines are text, amount, and if it is prorated."""
    total = sum(amount for _, amount, _ in lines)
    currency = of["currency"]
    shown = [
        {
            "id": f"il_tmp_{n}", "object": "line_item", "amount": amount, "currency": currency,
            "description": text, "quantity": 1, "metadata": {}, "livemode": False,
            "period": {"start": at, "end": at}, "invoice": None,
            "parent": {
                "type": "subscription_item_details", "invoice_item_details": None,
                "subscription_item_details": {
                    "proration": prorated, "proration_details": None, "invoice_item": None,
                    "subscription": of["id"], "subscription_item": of["items"]["data"][0]["id"],
                },
            },
        }
        for n, (text, amount, prorated) in enumerate(lines)
    ]  # fmt: skip
    return _object(
        f"upcoming_in_{at}", "invoice", amount_due=max(total, 0), amount_remaining=max(total, 0),
        amount_paid=0, currency=currency, customer=of["customer"], status="draft", total=total,
        subtotal=total, starting_balance=0, ending_balance=min(total, 0), period_start=at,
        period_end=at, next_payment_attempt=None,
        lines={"object": "list", "data": shown, "has_more": False, "url": "/v1/invoices"},
    )  # fmt: skip


def event(key: str, kind: str, about: Object, *, livemode: bool, created: int) -> Object:
    """That something happened; the object is as it was then."""
    return _object(
        key, "event", api_version=API_VERSION, created=created, livemode=livemode,
        data={"object": about}, pending_webhooks=1, request={"id": None, "idempotency_key": None},
        type=kind,
    )  # fmt: skip


def _object(key: str, kind: str, **members: Any) -> Object:
    return {"id": key, "object": kind, "created": int(time.time()), "livemode": False} | members
