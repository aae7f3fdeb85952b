"""Who is deleted pays nothing any more: at once, and before anything of theirs is gone."""

from __future__ import annotations

import pytest

from musekit.auth import deletion
from musekit.auth.models import User
from musekit.billing import cancelling
from musekit.billing.models import BillingCheckout, BillingCustomer
from musekit.organizations import ending
from musekit.organizations import service as organizations
from musekit.organizations.models import Organization
from musekit.products.owners import Owner


@pytest.fixture
def ada(make_user):
    return make_user("ada@example.com")


def close_account(user):
    return user.client.request("DELETE", "/api/auth/me", json={"email": user.email})


def there(shop, model, key):
    with shop.host.database.session(shop.system, readonly=True) as session:
        return session.get(model, key) is not None


def statuses(shop):
    return [each["status"] for each in shop.stripe.objects["subscriptions"].values()]


def test_what_runs_to_its_end_is_ended_with_the_account(shop, ada) -> None:
    shop.subscribe(ada)
    assert close_account(ada).status_code == 409  # it would go on costing
    ada.client.post("/api/billing/cancel", json={"product": "shop"})
    assert close_account(ada).status_code == 202
    shop.stripe.away = True
    assert deletion.work(shop.host) == 0
    assert there(shop, User, ada.user_id)
    shop.stripe.away = False
    with shop.host.database.session(shop.system) as session:
        session.query(BillingCustomer).update({"sync_until": None})
    assert deletion.work(shop.host) == 1
    assert not there(shop, User, ada.user_id)
    assert statuses(shop) == ["canceled"]
    kept = shop.customer
    assert (kept.user_id, kept.email) == (None, "")
    assert kept.stripe_id in shop.stripe.objects["customers"]


def test_a_page_that_is_open_cannot_be_paid_afterwards(shop, ada) -> None:
    shop.buy(ada)
    assert close_account(ada).status_code == 202
    assert deletion.work(shop.host) == 1
    [page] = shop.stripe.objects["sessions"].values()
    assert page["status"] == "expired"
    assert [each.state for each in shop.rows(BillingCheckout)] == ["expired"]


def test_a_page_that_was_paid_meanwhile_is_ended(shop, ada) -> None:
    shop.buy(ada)
    assert close_account(ada).status_code == 202
    shop.stripe.complete(next(iter(shop.stripe.objects["sessions"])))
    assert deletion.work(shop.host) == 1
    assert statuses(shop) == ["canceled"]


@pytest.mark.parametrize("way", ["organization", "account"])
def test_an_organization_that_goes_pays_nothing(shop, ada, way) -> None:
    with shop.host.database.session(shop.system) as session:
        made, space = organizations.create(session, ada.user_id, "Juniper")
        key, space_id = made.id, str(space.id)
    assert ada.client.post("/api/spaces/switch", json={"space_id": space_id}).status_code < 300
    shop.subscribe(ada)
    ada.client.post("/api/billing/cancel", json={"product": "shop"})
    if way == "organization":
        url = f"/api/organizations/{key}/delete"
        assert ada.client.post(url, json={"name": "Juniper"}).status_code < 300
        assert ending.finish(shop.host) == 1
    else:
        assert close_account(ada).status_code == 202
        assert deletion.work(shop.host) == 1
    assert not there(shop, Organization, key)
    assert statuses(shop) == ["canceled"]


def test_ending_all_twice_is_ending_it_once(shop, ada) -> None:
    shop.subscribe(ada)
    owner = Owner(ada.user_id)
    assert cancelling.cancel_all(shop.host, owner)
    assert cancelling.cancel_all(shop.host, owner)
    ended = [each for each in shop.stripe.ledger if each.method == "DELETE"]
    assert len(ended) == 1
    assert cancelling.cancel_all(shop.host, Owner())


def test_where_payments_were_turned_off_nobody_is_forgotten(shop, ada, caplog) -> None:
    from musekit.billing.client import _Kept

    shop.subscribe(ada)
    shop.set(stripe_secret_key=None)
    shop.host._shared.pop(_Kept)
    assert not cancelling.cancel_all(shop.host, Owner(ada.user_id))
    assert "still pays" in caplog.text
