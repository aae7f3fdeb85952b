"""Tier, health and the cron endpoints of PassivePost."""

from tests.isolation.row import NOT_THERE, Row
from tests.isolation.world import CRON_SECRET

_CRON = {"Authorization": f"Bearer {CRON_SECRET}"}

ROWS = {
    "GET /api/social/tier": Row(),
    "GET /api/social/health": Row(),
    "GET /api/social/debug": Row(owner=NOT_THERE),
    "GET /api/social/cron/process-scheduled": Row(headers=_CRON),
    "POST /api/social/cron/process-scheduled": Row(headers=_CRON),
    "GET /api/social/cron/pull-engagement": Row(headers=_CRON),
    "POST /api/social/cron/pull-engagement": Row(headers=_CRON),
}
