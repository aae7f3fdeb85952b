"""Every list that is read page by page has an index in its order, however long it is by now.

Without one the database sorted all people, or all customers, for each page that an operator looks
at. The rows of these tables are written when somebody comes, not when they work, so an index more
costs next to nothing.
"""

from __future__ import annotations

from alembic import op

from musekit.migrations import index

revision = "musekit_0013"
down_revision = "musekit_0012"
branch_labels = None
depends_on = None

#: Table → columns, the order of the list last.
LISTS = {
    "users": ("created_at", "id"),
    "organizations": ("created_at", "id"),
    "product_grants": ("product", "created_at", "id"),
    "billing_customers": ("created_at", "id"),
    "stripe_events": ("customer", "received_at", "id"),
    "email_suppressions": ("created_at", "email_key", "category"),
    "webhook_endpoints": ("created_at", "id"),
    "parked_jobs": ("parked_at", "id"),
}


def upgrade() -> None:
    for table, columns in LISTS.items():
        index(op, table, *columns)


def downgrade() -> None:
    for table, columns in reversed(LISTS.items()):
        op.drop_index(f"ix_{table}_{'_'.join(columns)}", table)
