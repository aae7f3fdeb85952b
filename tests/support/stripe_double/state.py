"""What the double has: objects, events, and the ledger of what was asked."""

from __future__ import annotations

import copy
import itertools
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.support.stripe_double import shapes
from tests.support.stripe_double.shapes import Object

PREFIX = {
    "customers": "cus", "products": "prod", "prices": "price", "subscriptions": "sub",
    "sessions": "cs_test", "subscription_schedules": "sub_sched",
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """One request, as it came."""

    method: str
    path: str
    values: dict[str, Any]
    key: str  #: its Idempotency-Key
    status: int
    replayed: bool = False


@dataclass
class State:
    """Everything, behind one lock."""

    url: str = ""
    livemode: bool = False
    away: bool = False  #: every request is answered by an error
    objects: dict[str, dict[str, Object]] = field(
        default_factory=lambda: {kind: {} for kind in PREFIX}
    )
    events: list[Object] = field(default_factory=list)
    ledger: list[Asked] = field(default_factory=list)
    #: Idempotency-Key → (fingerprint, status, answer)
    answers: dict[str, tuple[str, int, Object]] = field(default_factory=dict)
    #: What goes wrong with the next requests that change something: see `app`.
    faults: deque[str] = field(default_factory=deque)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _clock: Any = field(default_factory=lambda: itertools.count(int(time.time())))

    def new(self, kind: str, **values: Any) -> Object:
        """Make an object of a kind; it has its event where Stripe has one."""
        with self.lock:
            key = f"{PREFIX[kind]}_{uuid4().hex[:20]}"
            if kind == "sessions":
                made = shapes.checkout(key, values, self.url)
                made["_asked"] = values
            elif kind == "subscriptions":
                made = self._subscription(key, values)
            else:
                made = getattr(shapes, kind[:-1])(key, values)
            self.objects[kind][key] = made
            if kind in _EVENT:
                self.tell(f"{_EVENT[kind]}.created", made)
            return made

    def _subscription(self, key: str, values: dict[str, Any]) -> Object:
        item = values.pop("items")[0]
        sold = self.objects["prices"][item["price"]]
        return shapes.subscription(key, values, sold, int(item.get("quantity", 1)))

    def change(self, kind: str, key: str, **values: Any) -> Object:
        """Change an object; metadata is merged, as Stripe does."""
        with self.lock:
            found = self.objects[kind][key]
            if (metadata := values.pop("metadata", None)) is not None:
                found["metadata"] = {**found["metadata"], **metadata}
            if (items := values.pop("items", None)) is not None:
                item = found["items"]["data"][0]
                item["price"] = self.objects["prices"][items[0]["price"]]
                item["quantity"] = int(items[0].get("quantity", item["quantity"]))
            found.update(values)
            ended = kind == "subscriptions" and values.get("status") == "canceled"
            if ended:
                found["ended_at"] = found["ended_at"] or int(time.time())
            self.tell(f"{_EVENT[kind]}.{'deleted' if ended else 'updated'}", found)
            return found

    def complete(self, session: str) -> Object:
        """Let somebody pay on a checkout page; return the subscription."""
        with self.lock:
            page = self.objects["sessions"][session]
            asked = page["_asked"]
            more = asked.get("subscription_data", {})
            trial = int(more.get("trial_period_days", 0))
            now = int(time.time())
            made = self.new(
                "subscriptions", customer=page["customer"], metadata=more.get("metadata", {}),
                items=asked["line_items"], status="trialing" if trial else "active",
                trial_end=now + trial * 86400 if trial else None,
            )  # fmt: skip
            page |= {"status": "complete", "payment_status": "paid", "subscription": made["id"]}
            self.tell("checkout.session.completed", page)
            return made

    def period_ends(self, key: str) -> Object:
        """Let the paid time of a subscription be over: what was to happen then happens."""
        with self.lock:
            found = self.objects["subscriptions"][key]
            item = found["items"]["data"][0]
            if found["cancel_at_period_end"]:
                return self.change("subscriptions", key, status="canceled")
            item["current_period_start"] = item["current_period_end"]
            item["current_period_end"] += shapes.MONTH
            plan = self.objects["subscription_schedules"].get(found["schedule"] or "")
            if plan is not None:
                now = item["current_period_start"]
                phase = next((p for p in plan["phases"] if p["start_date"] == now), None)
                if phase is None:
                    self.release(plan["id"])
                else:
                    plan["current_phase"] = {"start_date": now, "end_date": phase["end_date"]}
                    return self.change(
                        "subscriptions", key, metadata=phase["metadata"],
                        items=[{"price": phase["items"][0]["price"]}],
                    )  # fmt: skip
            return self.change("subscriptions", key)

    def release(self, key: str) -> Object:
        """Let a schedule go; its subscription stays as it is."""
        with self.lock:
            plan = self.objects["subscription_schedules"][key]
            self.objects["subscriptions"][plan["subscription"]]["schedule"] = None
            plan |= {
                "status": "released", "released_at": int(time.time()), "current_phase": None,
                "released_subscription": plan["subscription"], "subscription": None,
            }  # fmt: skip
            return plan

    def tell(self, kind: str, about: Object) -> Object:
        """Add an event; the object in it is as it is now."""
        made = shapes.event(
            f"evt_{uuid4().hex[:20]}", kind, copy.deepcopy(public(about)),
            livemode=self.livemode, created=next(self._clock),
        )  # fmt: skip
        self.events.append(made)
        return made


_EVENT = {
    "customers": "customer", "products": "product", "prices": "price",
    "subscriptions": "customer.subscription",
}  # fmt: skip


def public(found: Object) -> Object:
    """Return an object without what the double keeps for itself."""
    return {name: value for name, value in found.items() if not name.startswith("_")}
