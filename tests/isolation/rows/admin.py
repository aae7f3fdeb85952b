"""The operator's pages: people, what they may use, mail, and how the deployment is."""

from tests.isolation.row import Row, Thing
from tests.isolation.things.admin import entry, failed_job, mail, nobody, person, silent_mailbox
from tests.isolation.things.organizations import organization

_USER = {"user_id": person}
_ORGANIZATION = {"organization_id": organization}
_MAIL = {"mail_id": mail}
_JOB: dict[str, Thing | str] = {"left": "failed", "job_id": failed_job}
_PRODUCT = {"product": "passive-post"}
_TEMPLATE = {"key": "verify-email"}
_PLUGIN = {"name": "passivepost"}
#: What an operator is told of people: who they are, and nothing of what they write.
_WHO = frozenset({"e-mail address", "id of the user"})
#: Of the audit log also where something was done: it names ids, and no content.
_WHERE = _WHO | {"id of the space"}
_GRANT = {"product": "passive-post", "tier": "tier_3"}
_TIERS = {
    "key": ["tier_1", "tier_2", "tier_3"], "label": ["Free", "More", "All"],
    "rank": ["1", "2", "3"], "name": ["platforms"], "limit": ["1", "9", "unlimited"],
}  # fmt: skip

ROWS = {
    "GET /admin": Row(tells=_WHO),
    "GET /admin/health": Row(),
    "GET /admin/settings": Row(query={"search": "mail"}),
    "GET /admin/audit": Row(query={"search": "user", "span": "week"}, tells=_WHERE),
    "GET /admin/audit/{entry_id}": Row(things={"entry_id": entry}, tells=_WHERE),
    "GET /admin/users": Row(tells=_WHO),
    "GET /admin/users/{user_id}": Row(things=_USER, tells=_WHERE),
    "POST /admin/users/{user_id}/grant": Row(things=_USER, form=_GRANT, tells=_WHO, changes=True),
    "POST /admin/users/{user_id}/take-back": Row(
        things=_USER, form={"product": "passive-post"}, changes=True
    ),
    # Opened first: who is shut out could send nothing that follows.
    "POST /admin/users/{user_id}/open": Row(things=_USER, changes=True),
    "POST /admin/users/{user_id}/close": Row(
        things=_USER, form={"reason": ""}, operator=frozenset({422}), tells=_WHERE
    ),
    # With a reason they would be that person, and this browser theirs no more.
    "POST /admin/users/{user_id}/impersonate": Row(
        things=_USER, form={"reason": ""}, operator=frozenset({422}), tells=_WHERE
    ),
    "POST /admin/users/{user_id}/reset-link": Row(things=_USER, changes=True),
    "POST /admin/users/{user_id}/confirm-link": Row(things=_USER, changes=True),
    # Of oneself it is refused, and of others it would end what the matrix goes on with.
    "POST /admin/users/{user_id}/sign-out": Row(
        things={"user_id": nobody}, operator=frozenset({404})
    ),
    "GET /admin/organizations": Row(tells=_WHO),
    "GET /admin/organizations/{organization_id}": Row(things=_ORGANIZATION, tells=_WHO),
    "POST /admin/organizations/{organization_id}/grant": Row(
        things=_ORGANIZATION, form=_GRANT, tells=_WHO, changes=True
    ),
    "POST /admin/organizations/{organization_id}/take-back": Row(
        things=_ORGANIZATION, form={"product": "passive-post"}, changes=True
    ),
    "GET /admin/products": Row(),
    "GET /admin/products/{product}": Row(things=_PRODUCT, tells=_WHO),
    "GET /admin/products/{product}/tiers": Row(things=_PRODUCT),
    "POST /admin/products/{product}/tiers/preview": Row(things=_PRODUCT, form=_TIERS),
    "POST /admin/products/{product}/tiers/own": Row(things=_PRODUCT),
    "POST /admin/products/{product}/tiers": Row(
        things=_PRODUCT, form={"seen": "of another day", "definitions": "null"}
    ),
    "GET /admin/plugins": Row(),
    "GET /admin/plugins/{name}": Row(things=_PLUGIN),
    "POST /admin/plugins/{name}/disable": Row(things={"name": "musekit"}),
    "POST /admin/plugins/{name}/enable": Row(things=_PLUGIN),
    "GET /admin/jobs": Row(),
    "GET /admin/jobs/{left}": Row(things={"left": "failed"}),
    "POST /admin/jobs/{left}/{job_id}/retry": Row(things=_JOB, changes=True),
    "POST /admin/jobs/{left}/{job_id}/drop": Row(things=_JOB, changes=True),
    "GET /admin/email": Row(tells=_WHO),
    "GET /admin/email/{mail_id}": Row(things=_MAIL, tells=_WHO),
    "POST /admin/email/{mail_id}/again": Row(things=_MAIL, tells=_WHO, changes=True),
    "POST /admin/email/failed/again": Row(changes=True),
    "GET /admin/email/templates": Row(),
    "GET /admin/email/templates/{key}": Row(things=_TEMPLATE),
    "GET /admin/email/templates/{key}/html": Row(things=_TEMPLATE),
    "POST /admin/email/templates/{key}/try": Row(things=_TEMPLATE),
    "GET /admin/email/suppressions": Row(tells=_WHO),
    "POST /admin/email/suppressions": Row(form={"address": "silent@example.org"}),
    "POST /admin/email/suppressions/remove": Row(
        form=lambda world, it: {"address": silent_mailbox(world, it), "category": "usage"},
        changes=True,
    ),
}
