"""Who is counted."""

from uuid import UUID

import pytest
from starlette.requests import Request

from musekit.declarations import RateLimit
from musekit.kernel.actors import Actor
from musekit.kernel.ratelimit.keys import address_of, scope_of

USER, SPACE = UUID(int=1), UUID(int=2)
ADA = Actor(kind="user", name="user:ada", user_id=USER, space_id=SPACE)


def request(address: str, **headers: str) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw, "client": (address, 4711)})


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"), ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"), ("testclient", "testclient"),
    ],
)  # fmt: skip
def test_a_network_that_one_has_to_oneself_counts_as_one(address, counted) -> None:
    assert address_of(request(address)) == counted


def test_headers_that_anybody_can_send_change_nothing() -> None:
    forged = request("203.0.113.9", **{"x-forwarded-for": "1.2.3.4", "forwarded": "for=1.2.3.4"})
    assert address_of(forged) == "203.0.113.9"
    assert address_of(Request({"type": "http", "headers": [], "client": None})) == "unknown"


def test_scopes() -> None:
    it = request("203.0.113.9")

    def scope(per, actor=ADA) -> str:
        return scope_of(RateLimit(name="x", hits=1, seconds=1, per=per), it, actor)

    token = Actor(kind="token", name="token:1", user_id=USER, space_id=SPACE)
    assert scope("actor") == scope("actor", token) == f"user:{USER}"  # all of one's tokens as one
    assert scope("space") == f"space:{SPACE}"
    assert scope("address") == scope("actor", None) == "address:203.0.113.9"
    assert scope("space", None) == "address:203.0.113.9"
