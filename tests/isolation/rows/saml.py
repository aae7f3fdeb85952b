"""Single sign-on. Everybody who asks is in a personal space, where no connection is theirs.

What an admin may in a space of the organization is tested beside the package.
"""

from tests.isolation.row import NOT_THERE, Row
from tests.isolation.things.saml import connection, domain

_CONNECTION = {"connection_id": connection}
_DOMAIN = {"connection_id": connection, "domain_id": domain}
_WRONG = frozenset({422})

ROWS = {
    "GET /sign-in/saml": Row(query={"next": "/dashboard"}),
    "POST /sign-in/saml": Row(form={"email": "somebody@example.org", "next": "/dashboard"}),
    # The way in of an organization, and what its provider reads, are for everybody.
    "GET /sign-in/saml/{connection_id}": Row(things=_CONNECTION),
    "GET /sign-in/saml/{connection_id}/metadata": Row(things=_CONNECTION),
    "POST /sign-in/saml/{connection_id}/acs": Row(
        things=_CONNECTION, form={"SAMLResponse": "PHg+", "RelayState": "x"}, owner=_WRONG,
        visitor=_WRONG,
    ),
    "GET /organization/saml": Row(),
    "POST /organization/saml": Row(form={"label": "Crew"}, owner=NOT_THERE),
    "GET /organization/saml/{connection_id}": Row(things=_CONNECTION, owner=NOT_THERE),
    "POST /organization/saml/{connection_id}": Row(
        things=_CONNECTION, form={"label": "Mine", "enabled": "on"}, owner=NOT_THERE
    ),
    "POST /organization/saml/{connection_id}/remove": Row(things=_CONNECTION, owner=NOT_THERE),
    "POST /organization/saml/{connection_id}/domains": Row(
        things=_CONNECTION, form={"domain": "example.org"}, owner=NOT_THERE
    ),
    "POST /organization/saml/{connection_id}/domains/{domain_id}/remove": Row(
        things=_DOMAIN, owner=NOT_THERE
    ),
    "GET /admin/saml": Row(),
    "POST /admin/saml/{domain_id}/confirm": Row(things={"domain_id": domain}),
    "POST /admin/saml/{domain_id}/refuse": Row(things={"domain_id": domain}),
}  # fmt: skip
