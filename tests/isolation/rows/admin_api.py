"""The operator's JSON routes: what the pages do, for programs."""

from tests.isolation.row import Row, Thing
from tests.isolation.things.admin import entry, failed_job, mail, nobody, person, silent_mailbox
from tests.isolation.things.billing import customer, event
from tests.isolation.things.organizations import organization
from tests.isolation.things.webhooks import endpoint

_USER = {"user_id": person}
_ORGANIZATION = {"organization_id": organization}
_MAIL = {"mail_id": mail}
_JOB: dict[str, Thing | str] = {"left": "failed", "job_id": failed_job}
_PRODUCT: dict[str, Thing | str] = {"product": "passive-post"}
_GRANT = {"tier": "tier_3", "days": 7}
#: As of the pages (`rows.admin`): who people are, and where something was done.
_WHO = frozenset({"e-mail address", "id of the user"})
_WHERE = _WHO | {"id of the space"}
_API = "/api/admin"
_EVENT = {"event_id": event}
_CUSTOMER = {"customer_id": customer}
#: No language model is set up in this deployment.
_CONFIG = {"config_id": "01890000-0000-7000-8000-000000000000"}
_ABSENT = frozenset({404})

ROWS = {
    f"GET {_API}/health": Row(),
    f"GET {_API}/settings": Row(query={"search": "mail"}),
    f"GET {_API}/audit": Row(query={"search": "user", "span": "week"}, tells=_WHERE),
    f"GET {_API}/audit/{{entry_id}}": Row(things={"entry_id": entry}, tells=_WHERE),
    f"GET {_API}/users": Row(query={"state": "unconfirmed"}, tells=_WHO),
    f"GET {_API}/users/{{user_id}}": Row(things=_USER, tells=_WHERE),
    f"PUT {_API}/users/{{user_id}}/grants/{{product}}": Row(
        things=_USER | _PRODUCT, json=_GRANT, changes=True
    ),
    f"DELETE {_API}/users/{{user_id}}/grants/{{product}}": Row(
        things=_USER | _PRODUCT, changes=True
    ),
    # Opened first, and closed without a reason: who is shut out could send nothing that follows.
    f"POST {_API}/users/{{user_id}}/open": Row(things=_USER, changes=True),
    f"POST {_API}/users/{{user_id}}/close": Row(
        things=_USER, json={"reason": ""}, operator=frozenset({422})
    ),
    f"POST {_API}/users/{{user_id}}/reset-link": Row(things=_USER, changes=True),
    f"POST {_API}/users/{{user_id}}/confirm-link": Row(things=_USER, changes=True),
    # Of oneself it is refused, and of others it would end what the matrix goes on with.
    f"POST {_API}/users/{{user_id}}/sign-out": Row(
        things={"user_id": nobody}, operator=frozenset({404})
    ),
    f"GET {_API}/organizations": Row(),
    f"GET {_API}/organizations/{{organization_id}}": Row(things=_ORGANIZATION, tells=_WHERE),
    f"PUT {_API}/organizations/{{organization_id}}/grants/{{product}}": Row(
        things=_ORGANIZATION | _PRODUCT, json=_GRANT, changes=True
    ),
    f"DELETE {_API}/organizations/{{organization_id}}/grants/{{product}}": Row(
        things=_ORGANIZATION | _PRODUCT, changes=True
    ),
    f"GET {_API}/products": Row(),
    f"GET {_API}/products/{{product}}": Row(things=_PRODUCT),
    f"GET {_API}/products/{{product}}/grants": Row(things=_PRODUCT, tells=_WHO),
    f"POST {_API}/products/{{product}}/tiers/preview": Row(things=_PRODUCT, json={"tiers": None}),
    f"PUT {_API}/products/{{product}}/tiers": Row(
        things=_PRODUCT, json={"tiers": None, "seen": "of another day"}, operator=frozenset({409})
    ),
    f"GET {_API}/plugins": Row(),
    f"GET {_API}/plugins/{{name}}": Row(things={"name": "passivepost"}),
    f"POST {_API}/plugins/{{name}}/disable": Row(
        things={"name": "musekit"}, operator=frozenset({409})
    ),
    f"POST {_API}/plugins/{{name}}/enable": Row(things={"name": "passivepost"}),
    f"GET {_API}/jobs": Row(),
    f"GET {_API}/jobs/{{left}}": Row(things={"left": "failed"}),
    f"POST {_API}/jobs/{{left}}/{{job_id}}/retry": Row(things=_JOB, changes=True),
    f"DELETE {_API}/jobs/{{left}}/{{job_id}}": Row(things=_JOB, changes=True),
    f"GET {_API}/email": Row(tells=_WHO),
    f"GET {_API}/email/{{mail_id}}": Row(things=_MAIL, tells=_WHO),
    # It has not failed, so that there is nothing to send again.
    f"POST {_API}/email/{{mail_id}}/retry": Row(things=_MAIL, operator=frozenset({409})),
    f"POST {_API}/email/failed/retry": Row(changes=True),
    f"GET {_API}/email/templates": Row(),
    f"GET {_API}/email/templates/{{template}}": Row(things={"template": "verify-email"}),
    f"POST {_API}/email/templates/{{template}}/try": Row(things={"template": "verify-email"}),
    f"GET {_API}/email/suppressions": Row(tells=_WHO),
    f"POST {_API}/email/suppressions": Row(json={"address": "silent@example.org"}),
    f"GET {_API}/ai": Row(),
    f"GET {_API}/ai/calls": Row(tells=_WHO),
    f"GET {_API}/ai/services": Row(),
    # One that were set up would be asked by the rows of `rows.ai`.
    f"POST {_API}/ai/services": Row(json={"provider": "nobody"}, operator=frozenset({422})),
    f"DELETE {_API}/ai/services/{{config_id}}": Row(things=_CONFIG, operator=_ABSENT),
    f"POST {_API}/ai/services/{{config_id}}/test": Row(things=_CONFIG, operator=_ABSENT),
    f"GET {_API}/webhooks": Row(query={"state": "failing"}),
    f"GET {_API}/webhooks/numbers": Row(),
    f"POST {_API}/webhooks/{{endpoint_id}}/switch-off": Row(
        things={"endpoint_id": endpoint}, changes=True
    ),
    f"GET {_API}/billing": Row(),
    f"GET {_API}/billing/prices": Row(),
    f"POST {_API}/billing/sync": Row(operator=frozenset({409})),
    f"GET {_API}/billing/events": Row(query={"search": "customer"}),
    f"GET {_API}/billing/events/{{event_id}}": Row(things=_EVENT),
    f"POST {_API}/billing/events/{{event_id}}/replay": Row(things=_EVENT, changes=True),
    f"GET {_API}/billing/customers": Row(tells=_WHO),
    f"GET {_API}/billing/customers/{{customer_id}}": Row(things=_CUSTOMER, tells=_WHO),
    f"POST {_API}/billing/customers/{{customer_id}}/sync": Row(things=_CUSTOMER, changes=True),
    f"DELETE {_API}/email/suppressions": Row(
        query=lambda world, it: {"address": silent_mailbox(world, it), "category": "usage"},
        changes=True,
    ),
}
