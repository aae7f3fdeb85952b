"""Which model answers, and the ledger of calls: tokens, cost, outcome."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from musekit.migrations import UTC, UUID, index, protect, reference, system_only

revision = "musekit_0009"
down_revision = "musekit_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ai_configs",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("scope", sa.Text, nullable=False),
        reference("organization_id", "organizations", required=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("base_url", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("key_encrypted", sa.Text),
        sa.Column("timeout_seconds", sa.Integer, nullable=False),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        reference("updated_by", "users", keep=True),
        sa.UniqueConstraint("scope", "provider", name="uq_ai_configs_scope_provider"),
    )
    index(op, "ai_configs", "organization_id")
    op.create_table(
        "ai_calls",  # outlives its space: what was spent stays known
        sa.Column("id", UUID, primary_key=True),
        sa.Column("in_space_id", UUID, nullable=False),
        sa.Column("in_organization_id", UUID),
        reference("user_id", "users", keep=True),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("own_key", sa.Boolean, nullable=False),
        sa.Column("input_tokens", sa.Integer),
        sa.Column("output_tokens", sa.Integer),
        sa.Column("cost_micros", sa.BigInteger),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("error_class", sa.Text),
        sa.Column("first_token_ms", sa.Integer),
        sa.Column("duration_ms", sa.Integer),
        sa.Column("request_id", sa.Text),
        sa.Column("started_at", UTC, nullable=False),
        sa.Column("finished_at", UTC),
    )
    index(op, "ai_calls", "in_space_id", "started_at", "id")
    index(op, "ai_calls", "started_at", "id")
    index(op, "ai_calls", "user_id")
    system_only(op, "ai_configs")
    protect(op, "ai_calls", visible="in_space_id = musekit_current_space()", verbs=("SELECT",))


def downgrade() -> None:
    op.drop_table("ai_calls")
    op.drop_table("ai_configs")
