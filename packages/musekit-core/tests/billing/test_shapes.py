"""The double's objects against Stripe's published samples: nothing in them is made up."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.support.stripe_double import StripeDouble, shapes

SPECS = os.environ.get("MUSEKIT_SPECS_DIR", "")
#: Newer than the samples, or there by a request for it.
NEWER = {"event": {"data"}}


@pytest.fixture(scope="module")
def samples() -> dict[str, Any]:
    if not SPECS:
        pytest.skip("MUSEKIT_SPECS_DIR is not set")
    found = json.loads((Path(SPECS) / "stripe" / "fixtures3.json").read_text(encoding="utf-8"))
    resources: dict[str, Any] = found["resources"]
    return resources


def objects() -> list[dict[str, Any]]:
    double = StripeDouble()
    double.url = "http://127.0.0.1:1"
    price = double.offer("shop", "tier_2", 900)
    customer = double.new("customers", email="a@example.com")
    page = double.new("sessions", customer=customer["id"], line_items=[{"price": price["id"]}])
    bought = double.complete(page["id"])
    return [
        customer, price, bought, page, double.objects["products"][price["product"]],
        shapes.schedule("sub_sched_1", bought), shapes.preview([("x", 1, True)], bought, 1),
        double.events[-1],
    ]  # fmt: skip


def test_members_are_stripes(samples) -> None:
    for made in objects():
        kind = made["object"]
        shown = {name for name in made if not name.startswith("_")}
        assert shown <= samples[kind].keys() | NEWER.get(kind, set()), kind


def test_what_is_read_of_them_is_where_stripe_has_it(samples) -> None:
    subscription, item = samples["subscription"], samples["subscription"]["items"]["data"][0]
    read = {"id", "status", "metadata", "cancel_at_period_end", "cancel_at", "trial_end",
            "ended_at", "created", "schedule", "items"}  # fmt: skip
    assert read <= subscription.keys()
    assert {"price", "quantity", "current_period_end", "current_period_start", "id"} <= item.keys()
    assert {"current_phase", "phases", "id", "end_behavior"} <= samples[
        "subscription_schedule"
    ].keys()
    phase = samples["subscription_schedule"]["phases"][0]
    assert {"start_date", "end_date", "items", "metadata"} <= phase.keys()
    line = samples["invoice"]["lines"]["data"][0]
    assert {"amount", "parent"} <= line.keys()
    assert "proration" in line["parent"]["subscription_item_details"]
    assert {"total", "currency", "lines"} <= samples["invoice"].keys()
