"""Billing, in a deployment where payments are not set up.

Who may buy and who may only look is tested beside the feature, role by role.
"""

from tests.isolation.row import NOT_THERE, Row
from tests.isolation.things.billing import checkout, customer, event

_NOT_SOLD = frozenset({409})
_CHOSEN = {"product": "passive-post", "price": "price_1"}
_OF = {"product": "passive-post"}
_BOUGHT = lambda world, it: {"checkout": str(checkout(world, it))}  # noqa: E731
_WHO = frozenset({"e-mail address", "id of the user"})
_CUSTOMER = {"customer_id": customer}
_EVENT = {"event_id": event}

ROWS = {
    "GET /api/billing": Row(),
    "GET /api/billing/prices": Row(),
    "GET /api/billing/preview": Row(query=_CHOSEN, owner=_NOT_SOLD),
    "POST /api/billing/checkout": Row(json=_CHOSEN, owner=_NOT_SOLD),
    "POST /api/billing/change": Row(json=_CHOSEN, owner=_NOT_SOLD),
    "POST /api/billing/cancel": Row(json=_OF, owner=_NOT_SOLD),
    "POST /api/billing/resume": Row(json=_OF, owner=_NOT_SOLD),
    "POST /api/billing/portal": Row(owner=_NOT_SOLD),
    "POST /api/billing/stripe/webhook": Row(owner=NOT_THERE, stranger=NOT_THERE, visitor=NOT_THERE),
    "GET /pricing": Row(),
    "GET /billing": Row(),
    "GET /billing/plans": Row(),
    "GET /billing/return": Row(query=_BOUGHT, stranger=NOT_THERE),
    "GET /billing/change": Row(query=_OF, owner=NOT_THERE),
    "POST /billing/checkout": Row(form=_CHOSEN, owner=_NOT_SOLD),
    "POST /billing/change": Row(form=_CHOSEN, owner=_NOT_SOLD),
    "POST /billing/cancel": Row(form=_OF, owner=_NOT_SOLD),
    "POST /billing/resume": Row(form=_OF, owner=_NOT_SOLD),
    "POST /billing/portal": Row(owner=_NOT_SOLD),
    "GET /admin/billing": Row(),
    "POST /admin/billing/sync": Row(),
    "GET /admin/billing/events": Row(query={"search": "customer"}),
    "GET /admin/billing/events/{event_id}": Row(things=_EVENT),
    "POST /admin/billing/events/{event_id}/replay": Row(things=_EVENT, changes=True),
    "GET /admin/billing/customers": Row(tells=_WHO),
    "GET /admin/billing/customers/{customer_id}": Row(things=_CUSTOMER, tells=_WHO),
    "POST /admin/billing/customers/{customer_id}/sync": Row(things=_CUSTOMER, changes=True),
}
