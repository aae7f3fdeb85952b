"""Plans and what is used of them."""

from tests.isolation.row import Row

ROWS = {"GET /api/usage": Row()}
