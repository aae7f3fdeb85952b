"""Mail: what is to be sent, in the same unit of work as its cause; and who wants none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from musekit.migrations import UTC, UUID, index, reference, system_only

revision = "musekit_0008"
down_revision = "musekit_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "email_outbox",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("dedupe_key", sa.Text),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("to_email", sa.Text, nullable=False),
        sa.Column("to_name", sa.Text, nullable=False),
        reference("user_id", "users", keep=True),
        sa.Column("in_space_id", UUID),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body_encrypted", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", UTC, nullable=False),
        sa.Column("lease_owner", UUID),
        sa.Column("lease_until", UTC),
        sa.Column("provider", sa.Text),
        sa.Column("provider_ref", sa.Text),
        sa.Column("uncertain", sa.Boolean, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("sent_at", UTC),
        sa.UniqueConstraint("message_id", name="uq_email_outbox_message_id"),
        sa.UniqueConstraint("dedupe_key", name="uq_email_outbox_dedupe_key"),
    )
    index(
        op, "email_outbox", "next_attempt_at", where="state IN ('queued', 'sending')",
        name="ix_email_outbox_due",
    )  # fmt: skip
    index(op, "email_outbox", "created_at", "id")
    index(op, "email_outbox", "user_id")
    op.create_table(
        "email_suppressions",
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("email_key", "category", name="pk_email_suppressions"),
    )
    system_only(op, "email_outbox")
    system_only(op, "email_suppressions")


def downgrade() -> None:
    op.drop_table("email_suppressions")
    op.drop_table("email_outbox")
