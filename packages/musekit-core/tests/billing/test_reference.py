"""500 events in any order, each up to five times, among forged and stale ones: as Stripe has it.

They come while customers go on changing their plans, and while two workers fetch.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from tests.support.stripe_double import signature
from tests.support.stripe_double.app import HOOK

from musekit.auth import service
from musekit.billing import leftovers, sync
from musekit.billing.customers import METADATA
from musekit.billing.models import BillingCustomer, BillingSubscription, StripeEvent
from musekit.kernel.ids import new_id

from .model import of_subscription, tier_of

CUSTOMERS, EVENTS = 40, 500
FORGED = ("no header", "other secret", "other body", "stale", "account", "livemode", "bad mac")


class Life:
    """What customers do at Stripe, and what they would like to."""

    def __init__(self, shop: Any, chance: random.Random) -> None:
        self.stripe, self.chance = shop.stripe, chance
        bare = shop.stripe.new("products", metadata={"muse_product": "shop", "muse_tier": "tier_2"})
        other = shop.stripe.new("products", metadata={"muse_product": "other"})
        self.prices = [
            shop.basic["id"], shop.big["id"],
            shop.stripe.new("prices", product=bare["id"], unit_amount=700)["id"],
            shop.stripe.offer("shop", "tier_9", 100)["id"],
            shop.stripe.new("prices", product=other["id"], metadata={"muse_tier": "tier_3"})["id"],
        ]  # fmt: skip

    def price(self) -> str:
        return self.chance.choices(self.prices, (5, 5, 2, 1, 1))[0]

    def metadata(self, price: str) -> dict[str, str]:
        """Right, missing, made up, or written for a price that it is not."""
        return self.chance.choice([
            {}, {"muse_tier": "tier_3", "muse_product": "shop", "muse_price": price},
            {"muse_tier": "tier_7"}, {"muse_tier": "tier_3", "muse_price": "price_of_old"},
        ])  # fmt: skip

    def step(self, customer: str) -> None:
        """Let one thing happen to a customer."""
        mine = [
            each["id"]
            for each in list(self.stripe.objects["subscriptions"].values())
            if each["customer"] == customer and each["status"] != "canceled"
        ]
        if not mine or self.chance.random() < 0.15:
            price = self.price()
            self.stripe.new(
                "subscriptions", customer=customer, items=[{"price": price}],
                metadata=self.metadata(price), status=self.chance.choice(["active", "trialing"]),
            )  # fmt: skip
            return
        self.stripe.change("subscriptions", self.chance.choice(mine), **self.chance.choice([
            {"items": [{"price": self.price()}]}, {"items": [{"price": self.price()}]},
            {"status": "past_due"}, {"status": "unpaid"}, {"status": "active"},
            {"cancel_at_period_end": True}, {"cancel_at_period_end": False},
            {"status": "canceled"}, {"metadata": {"muse_tier": "tier_2"}},
        ]))  # fmt: skip


@pytest.fixture
def customers(shop: Any) -> dict[str, UUID]:
    """People who are known at Stripe: its id, and the space."""
    made = {}
    with shop.host.database.session(shop.system) as session:
        for n in range(CUSTOMERS):
            user, space = service.sign_up(session, f"payer-{n}@example.com", "correct horse 1 2 3")
            session.flush()
            key = new_id()
            found = shop.stripe.new("customers", metadata={METADATA: str(key)})
            # Of every fourth the id got lost on its way to us.
            known = None if n % 4 == 0 else found["id"]
            session.add(BillingCustomer(id=key, user_id=user.id, email=user.email, stripe_id=known))
            made[found["id"]] = space.id
    return made


def forged(event: dict[str, Any], how: str) -> tuple[bytes, str | None, int]:
    """Return body, signature and the status that it must get."""
    body = json.dumps(event).encode()
    good = signature(body, HOOK)
    if how == "no header":
        return body, None, 400
    if how == "other secret":
        return body, signature(body, "whsec_other"), 400
    if how == "other body":
        return body.replace(b"tier_2", b"tier_3") + b" ", good, 400
    if how == "stale":
        return body, signature(body, HOOK, at=time.time() - 301.5), 400
    if how == "bad mac":
        return body, good[:-4] + "beef", 400
    # Signed, and not for us: kept as such, and nothing is done.
    changed = {"account": {"account": "acct_other"}, "livemode": {"livemode": True}}[how]
    body = json.dumps({**event, **changed, "id": f"{event['id']}_{how}"}).encode()
    return body, signature(body, HOOK), 200


class Postman:
    """Delivers events from many threads, and counts what was accepted."""

    def __init__(self, shop: Any, chance: random.Random) -> None:
        self.shop, self.chance = shop, chance
        self.accepted: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.forgeries = 0
        self._lock = threading.Lock()

    def deliver(self, events: list[dict[str, Any]]) -> None:
        """Deliver each one to five times, in any order, with a forgery beside every third."""
        bag: list[tuple[dict[str, Any], str]] = []
        for event in events:
            bag += [(event, "")] * self.chance.randint(1, 5)
            if self.chance.random() < 0.34:
                bag.append((event, self.chance.choice(FORGED)))
        self.chance.shuffle(bag)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._send, bag))

    def _send(self, item: tuple[dict[str, Any], str]) -> None:
        event, how = item
        body, header, status = (
            forged(event, how) if how else (*self._genuine(event), 200)
        )  # fmt: skip
        headers = {"Content-Type": "application/json"}
        if header is not None:
            headers["Stripe-Signature"] = header
        answer = self.shop.client.post(
            "/api/billing/stripe/webhook", content=body, headers=headers
        )  # fmt: skip
        with self._lock:
            if answer.status_code != status:
                self.wrong.append(f"{how or 'genuine'}: {answer.status_code} {answer.text}")
            if how:
                self.forgeries += 1
            else:
                self.accepted[event["id"]] += answer.status_code == 200

    @staticmethod
    def _genuine(event: dict[str, Any]) -> tuple[bytes, str]:
        body = json.dumps(event).encode()
        return body, signature(body, HOOK)


def left_over(shop: Any) -> bool:
    return any(each.sync_requested > each.sync_done for each in shop.rows(BillingCustomer)) or any(
        each.state == "received" for each in shop.rows(StripeEvent)
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7])
def test_any_order_any_number_ends_where_stripe_is(shop, customers, seed) -> None:
    chance = random.Random(seed)
    life, postman = Life(shop, random.Random(seed + 1)), Postman(shop, chance)
    stop = threading.Event()
    faults: list[BaseException] = []

    def work() -> None:
        while not stop.wait(0.05):
            try:
                leftovers.settle(shop.host)
                sync.drain(shop.host)
            except BaseException as error:  # a worker that dies would make the test pass slowly
                faults.append(error)
                raise

    def live(until: int) -> None:
        keys = list(customers)
        while len(shop.stripe.events) < until:
            life.step(life.chance.choice(keys))

    live(EVENTS // 2)
    first = list(shop.stripe.events)
    workers = [threading.Thread(target=work) for _ in range(2)]
    living = threading.Thread(target=live, args=(EVENTS,))
    for each in (*workers, living):
        each.start()
    postman.deliver(first)
    living.join()
    postman.deliver(list(shop.stripe.events)[len(first) :])
    end = time.monotonic() + 60
    while left_over(shop) and time.monotonic() < end:
        time.sleep(0.2)
    stop.set()
    for each in workers:
        each.join()
    assert not faults
    assert not left_over(shop)

    assert not postman.wrong, postman.wrong[:5]
    assert postman.forgeries > 100
    genuine = {event["id"]: event for event in shop.stripe.events}
    kept = {each.id: each for each in shop.rows(StripeEvent)}
    assert len(genuine) >= EVENTS
    assert genuine.keys() <= kept.keys()
    assert {each.state for key, each in kept.items() if key not in genuine} == {"ignored"}
    assert {key: kept[key].deliveries for key in genuine} == dict(postman.accepted)

    final = list(shop.stripe.objects["subscriptions"].values())
    products = shop.stripe.objects["products"]
    mirrored = {
        each.id: (each.product, each.tier, each.status, each.price_id)
        for each in shop.rows(BillingSubscription)
    }
    assert mirrored == {each["id"]: of_subscription(each, products) for each in final}
    tiers = {key: shop.tier(space) for key, space in customers.items()}
    assert tiers == {key: tier_of(key, final, products) for key in customers}
    assert len(set(tiers.values())) == 3  # the lives were not all alike
