"""Changes of plans are kept until plugins and webhooks were told of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from musekit.migrations import JSON, UTC, UUID, index, system_only

revision = "musekit_0014"
down_revision = "musekit_0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "plan_changes",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("change", JSON, nullable=False),
        sa.Column("told_up_to", UUID),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
    )
    index(op, "plan_changes", "updated_at")
    system_only(op, "plan_changes")


def downgrade() -> None:
    op.drop_table("plan_changes")
