"""The cron endpoint of the core."""

from tests.isolation.row import Row
from tests.isolation.world import CRON_SECRET

_CRON = {"Authorization": f"Bearer {CRON_SECRET}"}

ROWS = {
    "GET /api/cron/work": Row(headers=_CRON),
    "POST /api/cron/work": Row(headers=_CRON),
}
