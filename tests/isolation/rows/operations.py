"""Metrics, for who has their secret."""

from tests.isolation.row import Row
from tests.isolation.world import METRICS_SECRET

ROWS = {
    "GET /metrics": Row(headers={"Authorization": f"Bearer {METRICS_SECRET}"}),
}
