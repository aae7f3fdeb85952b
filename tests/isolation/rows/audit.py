"""The audit log: of a space, and of one's own account."""

from tests.isolation.row import Row

#: Operators read of their own acts, and to whom they did them.
_DONE = frozenset({"id of the user"})

ROWS = {
    "GET /api/audit": Row(query={"search": "user", "span": "week"}),
    "GET /api/audit/own": Row(tells=_DONE),
    "GET /organization/audit": Row(query={"search": "user", "span": "week"}),
    "GET /account/activity": Row(tells=_DONE),
}
