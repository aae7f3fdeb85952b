"""The pages: what there is, what it costs, what it would cost, and who may do what."""

from __future__ import annotations

import html
import re

import pytest

from musekit.auth.models import User, UserSession
from musekit.billing.models import BillingCheckout, BillingCustomer, BillingSubscription
from musekit.kernel.ids import new_id
from musekit.organizations import service as organizations
from musekit.testing.plans import grant

HTML = {"accept": "text/html"}


class Browser:
    """A person's browser: pages as text, and the forms on them."""

    def __init__(self, user):
        self.user = user

    def get(self, path, status=200):
        answer = self.user.client.get(path, headers=HTML, follow_redirects=False)
        assert answer.status_code == status, answer.text[-2000:]
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))

    def raw(self, path):
        return self.user.client.get(path, headers=HTML).text

    def send(self, path, **form):
        token = self.raw("/account").partition('name="csrf_token" value="')[2].partition('"')[0]
        return self.user.client.post(
            path, data={"csrf_token": token, **form}, headers=HTML, follow_redirects=False
        )


@pytest.fixture
def ada(make_user):
    return Browser(make_user("ada@example.com"))


def buy(ada, price):
    return ada.send("/billing/checkout", product="shop", price=price["id"])


@pytest.mark.parametrize("path", ["/", "/pricing"])
def test_visitors_see_plans_and_prices(shop, path) -> None:
    page = shop.client.get(path, headers=HTML)
    assert page.status_code == 200
    assert ('href="/pricing"' in page.text) == (path == "/")
    for words in ("Tier 1", "Free", "$9", "$29", "per month", "/sign-up?next=/billing/plans"):
        assert words in page.text


def test_a_plan_is_bought_by_the_pages_alone(shop, ada) -> None:
    page = ada.get("/billing/plans")
    assert "Your plan" in page
    answer = buy(ada, shop.basic)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(shop.stripe.url)
    [asked] = shop.stripe.objects["sessions"].values()
    back = asked["success_url"].removeprefix(shop.host.settings.public_url.rstrip("/"))
    assert "Waiting for Stripe" in ada.get(back)
    assert shop.tier(ada.user.space_id) == "tier_1"  # coming back gives nothing
    shop.stripe.complete(asked["id"])
    assert "Waiting for Stripe" in ada.get(back)
    shop.settle()  # without any event: the page has asked for it
    assert "It is yours" in ada.get(back)
    assert shop.tier(ada.user.space_id) == "tier_2"
    page = ada.get("/billing")
    assert "$9.00 per month" in page
    assert "Next payment" in page
    assert ada.send("/billing/portal").headers["location"].startswith(shop.stripe.url)


def test_up_down_cancel_and_back_by_the_pages(shop, ada) -> None:
    shop.subscribe(ada.user)
    wanted = f"/billing/change?product=shop&price={shop.big['id']}"
    page = ada.get(wanted)
    assert "Change to Tier 3" in page
    assert "$20.00" in page  # for the rest of the paid time
    assert "$49.00" in page  # of the next invoice
    at = re.search(r'name="at" value="(\d+)"', ada.raw(wanted))
    done = ada.send("/billing/change", product="shop", price=shop.big["id"], at=at[1])
    assert done.headers["location"] == "/billing"
    assert "Your plan is Tier 3 now." in ada.get("/billing")
    page = ada.get(f"/billing/change?product=shop&price={shop.basic['id']}")
    assert "Nothing is charged now" in page
    ada.send("/billing/change", product="shop", price=shop.basic["id"])
    page = ada.get("/billing")
    assert "The plan will change To Tier 2 on" in page
    assert "comes next" in ada.get("/billing/plans")
    ada.send("/billing/resume", product="shop")
    assert "The plan will change" not in ada.get("/billing")
    assert "You keep the plan until" in ada.get("/billing/change?product=shop")
    ada.send("/billing/cancel", product="shop")
    page = ada.get("/billing")
    assert "This plan is cancelled You keep it until" in page
    assert "Keep the plan as it is" in page
    ada.send("/billing/resume", product="shop")
    assert "This plan is cancelled" not in ada.get("/billing")


def test_what_is_refused_is_said_on_the_page(shop, ada) -> None:
    assert buy(ada, {"id": "price_made_up"}).headers["location"] == "/billing/plans"
    assert "That plan is not on sale here." in ada.get("/billing/plans")
    shop.stripe.away = True
    assert buy(ada, shop.basic).headers["location"] == "/billing/plans"
    assert "Stripe cannot be reached at the moment." in ada.get("/billing/plans")
    ada.get("/billing/change?product=shop", 404)
    shop.stripe.away = False
    shop.subscribe(ada.user)
    shop.stripe.away = True
    wanted = f"/billing/change?product=shop&price={shop.big['id']}"
    ada.get(wanted, 303)
    assert "Stripe cannot be reached" in ada.get("/billing/plans")
    for path in ("/billing", "/billing/plans", "/pricing", "/billing/change?product=shop"):
        ada.get(path)  # they ask the mirror


def test_states_are_said(shop, ada) -> None:
    shop.set(trial_days=14)
    assert "Try it for 14 days" in ada.get("/billing/plans")
    key = shop.subscribe(ada.user)
    assert "You are trying this plan" in ada.get("/billing")
    shop.stripe.change("subscriptions", key, status="past_due", trial_end=None)
    shop.tell(*shop.stripe.events[-1:])
    shop.settle()
    assert "The last payment did not go through" in ada.get("/billing")
    shop.stripe.change("subscriptions", key, status="canceled")
    shop.tell(*shop.stripe.events[-1:])
    shop.settle()
    page = ada.get("/billing/plans")
    assert "Try it for" not in page  # a trial is for once
    grant(shop.host, ada.user.space_id, "shop", "tier_3")
    assert "This plan was given to you" in ada.get("/billing/plans")
    assert "given by the operator" in ada.get("/billing")


def test_a_page_that_was_closed_says_so(shop, ada) -> None:
    buy(ada, shop.basic)
    buy(ada, shop.big)
    first = next(each for each in shop.rows(BillingCheckout) if each.state == "expired")
    assert "Nothing was bought" in ada.get(f"/billing/return?checkout={first.id}")


def test_what_others_buy_is_not_seen(shop, ada, make_user) -> None:
    buy(ada, shop.basic)
    [row] = shop.rows(BillingCheckout)
    eve = Browser(make_user())
    eve.get(f"/billing/return?checkout={row.id}", 404)
    eve.get(f"/billing/return?checkout={new_id()}", 404)
    eve.get("/billing/return?checkout=rubbish", 422)


def test_waiting_ends_and_says_that_nothing_is_lost(shop, ada) -> None:
    buy(ada, shop.basic)
    [row] = shop.rows(BillingCheckout)
    path = f"/billing/return?checkout={row.id}"
    assert 'hx-trigger="load delay:2s"' in ada.raw(f"{path}&look=29")
    page = ada.raw(f"{path}&look=99999999")
    assert "hx-trigger" not in page.partition('id="bought"')[2]
    assert "It takes longer than usual" in page


@pytest.mark.parametrize("role", ["viewer", "editor", "admin", "owner"])
def test_each_role_in_an_organization(shop, make_user, role) -> None:
    owner, person = make_user(), make_user()
    with shop.host.database.session(shop.system) as session:
        made, space = organizations.create(session, owner.user_id, "Juniper")
        organizations.join(session, made.id, person.user_id, role, [space.id])
        space_id, organization_id = str(space.id), made.id
    assert person.client.post("/api/spaces/switch", json={"space_id": space_id}).status_code < 300
    browser = Browser(person)
    page = browser.get("/billing/plans")
    assert ("Only an owner buys" in page) == (role != "owner")
    browser.get("/billing", 200 if role in ("admin", "owner") else 403)
    answer = buy(browser, shop.basic)
    assert answer.status_code == (303 if role == "owner" else 403)
    assert len(shop.stripe.objects["sessions"]) == (role == "owner")
    if role == "owner":
        [customer] = shop.rows(BillingCustomer)
        assert customer.organization_id == organization_id


def test_nobody_buys_for_somebody_else(shop, ada, make_user) -> None:
    operator = make_user()
    with shop.host.database.session(shop.system) as session:
        session.get_one(User, operator.user_id).is_operator = True
        own = session.query(UserSession).filter_by(user_id=operator.user_id).one()
        for row in session.query(UserSession).filter_by(user_id=ada.user.user_id):
            row.impersonator_user_id, row.impersonator_session_id = operator.user_id, own.id
    ada.get("/billing")
    for path in ("checkout", "portal", "change", "cancel", "resume"):
        answer = ada.send(f"/billing/{path}", product="shop", price=shop.basic["id"])
        assert answer.status_code == 403, path
    assert not shop.stripe.objects["sessions"]


@pytest.mark.parametrize("path", ["checkout", "portal", "change", "cancel", "resume"])
def test_without_stripe_each_page_works_and_says_so(host, client, make_user, path) -> None:
    ada = Browser(make_user())
    assert "Nothing is for sale here" in ada.get("/billing")
    assert "Nothing is for sale here" in ada.get("/billing/plans")
    assert "whoever runs this gives the plans" in client.get("/pricing", headers=HTML).text
    assert "Tier 3" in client.get("/pricing", headers=HTML).text
    answer = ada.send(f"/billing/{path}", product="shop", price="price_1")
    assert answer.status_code == 409
    assert "Payments are not set up in this deployment" in answer.text


def test_what_is_typed_into_forms_is_judged(shop, ada) -> None:
    long = "p" * 5000
    for form in (
        {}, {"product": "shop"}, {"product": long, "price": long},
        {"product": "shop", "price": "x", "at": "soon"}, {"product": "a\0", "price": "x"},
        {"product": "shop", "price": "<script>"},
    ):  # fmt: skip
        assert ada.send("/billing/change", **form).status_code == 422, form
        assert ada.send("/billing/checkout", **form).status_code == 422, form
    assert ada.send("/billing/cancel", product="<script>").status_code == 422
    assert shop.rows(BillingSubscription) == []


def test_the_mirror_is_never_shown_to_others(shop, ada, make_user) -> None:
    shop.subscribe(ada.user)
    eve = Browser(make_user())
    assert "$9.00" not in eve.get("/billing")
    assert eve.user.client.get("/api/billing").json()["subscriptions"] == []
    assert eve.send("/billing/cancel", product="shop").headers["location"] == "/billing"
    assert "There is no subscription of this." in eve.get("/billing")
    [row] = shop.rows(BillingSubscription)
    assert not row.cancel_at_period_end
