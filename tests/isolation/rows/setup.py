"""The operator's page of PassivePost."""

from tests.isolation.row import Row

ROWS = {
    "GET /admin/setup/passivepost": Row(),
    "POST /admin/setup/passivepost/check": Row(),
}
