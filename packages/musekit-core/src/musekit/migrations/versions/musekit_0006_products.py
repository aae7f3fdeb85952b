"""Who has which tier by grant, and what a space has used of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from musekit.migrations import JSON, SPACE, UTC, UUID, index, protect, reference, system_only

revision = "musekit_0006"
down_revision = "musekit_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "product_grants",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("product", sa.Text, nullable=False),
        reference("user_id", "users", required=False),
        reference("organization_id", "organizations", required=False),
        sa.Column("tier", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        reference("granted_by", "users", keep=True),
        sa.Column("starts_at", UTC, nullable=False),
        sa.Column("ends_at", UTC),
        sa.Column("created_at", UTC, nullable=False),
        sa.CheckConstraint(
            "(user_id IS NULL) <> (organization_id IS NULL)", name="ck_product_grants_owner"
        ),
    )
    for owner in ("user_id", "organization_id"):
        index(op, "product_grants", "product", owner, unique=True, where=f"{owner} IS NOT NULL")
        index(op, "product_grants", owner)
    op.create_table(
        "usage_counters",
        SPACE(),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("metric", sa.Text, nullable=False),
        sa.Column("period", sa.Text, nullable=False),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.Column("warn_at", sa.BigInteger),
        sa.Column("warned_at", UTC),
        sa.PrimaryKeyConstraint(
            "space_id", "product", "metric", "period", name="pk_usage_counters"
        ),
        sa.CheckConstraint("used >= 0", name="ck_usage_counters_used"),
        sa.CheckConstraint("reserved >= 0", name="ck_usage_counters_reserved"),
    )
    index(
        op, "usage_counters", "period", where="warned_at IS NULL AND used >= warn_at",
        name="ix_usage_counters_to_warn",
    )  # fmt: skip
    op.create_table(
        "usage_reservations",
        sa.Column("id", UUID, primary_key=True),
        SPACE(),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("metric", sa.Text, nullable=False),
        sa.Column("periods", JSON, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.Column("released_at", UTC),
        sa.Column("created_at", UTC, nullable=False),
    )
    index(op, "usage_reservations", "expires_at")
    index(op, "usage_reservations", "space_id")
    system_only(op, "product_grants")
    protect(op, "usage_counters")
    protect(op, "usage_reservations")


def downgrade() -> None:
    for table in ("usage_reservations", "usage_counters", "product_grants"):
        op.drop_table(table)
