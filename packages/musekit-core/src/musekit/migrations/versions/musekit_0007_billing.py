"""A mirror of what Stripe has: customers, subscriptions, prices; and the ledger of its events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from musekit.migrations import JSON, UTC, UUID, index, reference, system_only

revision = "musekit_0007"
down_revision = "musekit_0006"
branch_labels = None
depends_on = None

TABLES = (
    "billing_customers", "billing_subscriptions", "billing_prices", "billing_checkouts",
    "stripe_events",
)  # fmt: skip


def upgrade() -> None:
    _customers()
    _catalogue()
    _events()
    for table in TABLES:
        system_only(op, table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _customers() -> None:
    op.create_table(
        "billing_customers",
        sa.Column("id", UUID, primary_key=True),
        reference("user_id", "users", keep=True),
        reference("organization_id", "organizations", keep=True),
        sa.Column("stripe_id", sa.Text),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("sync_requested", sa.BigInteger, nullable=False),
        sa.Column("sync_done", sa.BigInteger, nullable=False),
        sa.Column("sync_owner", UUID),
        sa.Column("sync_until", UTC),
        sa.Column("synced_at", UTC),
        sa.Column("last_error", sa.Text),
        sa.Column("untold", JSON),
        sa.Column("created_at", UTC, nullable=False),
        sa.UniqueConstraint("user_id", name="uq_billing_customers_user_id"),
        sa.UniqueConstraint("organization_id", name="uq_billing_customers_organization_id"),
        sa.UniqueConstraint("stripe_id", name="uq_billing_customers_stripe_id"),
    )
    index(
        op, "billing_customers", "id", where="sync_requested > sync_done",
        name="ix_billing_customers_to_sync",
    )  # fmt: skip
    op.create_table(
        "billing_subscriptions",
        sa.Column("id", sa.Text, primary_key=True),
        reference("customer_id", "billing_customers"),
        sa.Column("product", sa.Text),
        sa.Column("tier", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("price_id", sa.Text, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("unit_amount", sa.BigInteger),
        sa.Column("interval", sa.Text, nullable=False),
        sa.Column("interval_count", sa.Integer, nullable=False, server_default="1"),
        sa.Column("current_period_end", UTC),
        sa.Column("cancel_at_period_end", sa.Boolean, nullable=False),
        sa.Column("cancel_at", UTC),
        sa.Column("trial_end", UTC),
        sa.Column("ended_at", UTC),
        sa.Column("past_due_since", UTC),
        sa.Column("schedule_id", sa.Text),
        sa.Column("next_price_id", sa.Text),
        sa.Column("changes_at", UTC),
        sa.Column("stripe_created", UTC, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
    )
    index(op, "billing_subscriptions", "customer_id")


def _catalogue() -> None:
    op.create_table(
        "billing_prices",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("stripe_product", sa.Text, nullable=False),
        sa.Column("product", sa.Text),
        sa.Column("tier", sa.Text),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("unit_amount", sa.BigInteger),
        sa.Column("interval", sa.Text, nullable=False),
        sa.Column("interval_count", sa.Integer, nullable=False),
        sa.Column("trial_days", sa.Integer),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("nickname", sa.Text, nullable=False),
        sa.Column("synced_at", UTC, nullable=False),
    )
    index(op, "billing_prices", "product", "tier")
    op.create_table(
        "billing_checkouts",
        sa.Column("id", UUID, primary_key=True),
        reference("customer_id", "billing_customers"),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("price_id", sa.Text, nullable=False),
        sa.Column("key", UUID, nullable=False),
        sa.Column("session_id", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        reference("created_by", "users", keep=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
    )
    index(
        op, "billing_checkouts", "customer_id", "product", unique=True,
        where="state IN ('asked', 'open')",
    )  # fmt: skip


def _events() -> None:
    op.create_table(
        "stripe_events",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("account", sa.Text),
        sa.Column("livemode", sa.Boolean, nullable=False),
        sa.Column("customer", sa.Text),
        sa.Column("stripe_created", UTC, nullable=False),
        sa.Column("received_at", UTC, nullable=False),
        sa.Column("deliveries", sa.Integer, nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("processed_at", UTC),
    )
    index(op, "stripe_events", "state", "received_at")
    index(op, "stripe_events", "received_at", "id")
