"""Outgoing webhooks: where a space wants to be told, what it was told, and how that went."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from musekit.migrations import JSON, SPACE, TEXT_ARRAY, UTC, UUID, index, protect, reference

revision = "musekit_0010"
down_revision = "musekit_0009"
branch_labels = None
depends_on = None

TABLES = ("webhook_endpoints", "webhook_messages", "webhook_deliveries")


def upgrade() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", UUID, primary_key=True),
        SPACE(),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("events", TEXT_ARRAY, nullable=False),
        sa.Column("secrets_encrypted", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("disabled_reason", sa.Text),
        sa.Column("failing_since", UTC),
        reference("created_by", "users", keep=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
    )
    op.create_table(
        "webhook_messages",
        sa.Column("id", UUID, primary_key=True),
        SPACE(),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", UUID, primary_key=True),
        SPACE(),
        reference("endpoint_id", "webhook_endpoints"),
        reference("message_id", "webhook_messages"),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", UTC, nullable=False),
        sa.Column("lease_owner", UUID),
        sa.Column("lease_until", UTC),
        sa.Column("last_status", sa.Integer),
        sa.Column("last_error", sa.Text),
        sa.Column("last_ms", sa.Integer),
        sa.Column("log", JSON, nullable=False),
        sa.Column("delivered_at", UTC),
        sa.Column("created_at", UTC, nullable=False),
        sa.UniqueConstraint(
            "endpoint_id", "message_id", name="uq_webhook_deliveries_endpoint_id_message_id"
        ),
    )
    index(op, "webhook_endpoints", "space_id")
    index(op, "webhook_messages", "space_id", "created_at", "id")
    index(op, "webhook_deliveries", "space_id")
    index(op, "webhook_deliveries", "message_id")
    index(op, "webhook_deliveries", "endpoint_id", "created_at", "id")
    index(
        op, "webhook_deliveries", "next_attempt_at", where="state IN ('pending', 'sending')",
        name="ix_webhook_deliveries_due",
    )  # fmt: skip
    for table in TABLES:
        protect(op, table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
