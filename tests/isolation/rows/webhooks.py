"""Outgoing webhooks: of the space one is in, under two paths; and the operator's page."""

from tests.isolation.row import NOT_THERE, Row
from tests.isolation.things.webhooks import delivery, endpoint, wanted

_ENDPOINT = {"endpoint_id": endpoint}
_DELIVERY = {"endpoint_id": endpoint, "delivery_id": delivery}
#: The names of hosts under this top-level domain never resolve (RFC 6761), so nothing is sent.
_CHANGED = {"url": "https://hooks.invalid/other", "events": ["*"]}
_THEIRS = {"stranger": NOT_THERE}


def _pages(prefix: str) -> dict[str, Row]:
    at = f"{prefix}/{{endpoint_id}}"
    one = f"{at}/deliveries/{{delivery_id}}"
    return {
        f"GET {prefix}": Row(),
        f"GET {prefix}/new": Row(),
        f"POST {prefix}": Row(form=wanted),
        f"GET {at}": Row(things=_ENDPOINT, **_THEIRS),
        f"POST {at}": Row(things=_ENDPOINT, form=_CHANGED, **_THEIRS),
        f"POST {at}/switch": Row(things=_ENDPOINT, form={"enabled": ""}, **_THEIRS),
        f"POST {at}/remove": Row(things=_ENDPOINT, **_THEIRS),
        f"POST {at}/test": Row(things=_ENDPOINT, form={"event": "member.joined"}, **_THEIRS),
        f"GET {at}/rotate": Row(things=_ENDPOINT, **_THEIRS),
        f"POST {at}/rotate": Row(things=_ENDPOINT, form={"at_once": ""}, **_THEIRS),
        f"GET {one}": Row(things=_DELIVERY, **_THEIRS),
        f"POST {one}/again": Row(things=_DELIVERY, **_THEIRS),
    }


_AT = "/api/webhooks/{endpoint_id}"
ROWS = {
    "GET /api/webhooks/events": Row(),
    "GET /api/webhooks": Row(),
    "POST /api/webhooks": Row(json=wanted),
    f"GET {_AT}": Row(things=_ENDPOINT, **_THEIRS),
    f"PATCH {_AT}": Row(things=_ENDPOINT, json={"description": "x"}, **_THEIRS),
    f"DELETE {_AT}": Row(things=_ENDPOINT, **_THEIRS),
    f"POST {_AT}/rotate": Row(things=_ENDPOINT, json={}, **_THEIRS),
    f"POST {_AT}/test": Row(things=_ENDPOINT, json={"event": "member.joined"}, **_THEIRS),
    f"GET {_AT}/deliveries": Row(things=_ENDPOINT, **_THEIRS),
    f"POST {_AT}/deliveries/{{delivery_id}}/again": Row(
        things=_DELIVERY, owner=frozenset({202}), **_THEIRS
    ),
    **_pages("/account/webhooks"),
    **_pages("/organization/webhooks"),
    "GET /admin/webhooks": Row(),
    "POST /admin/webhooks/{endpoint_id}/switch-off": Row(things=_ENDPOINT, changes=True),
}
