"""The due queue and the ledger of attempts."""

import sqlalchemy as sa
from alembic import op

from musekit.migrations import JSON, UTC, UUID, protect

revision = "passivepost_0002"
down_revision = "passivepost_0001"
branch_labels = None
depends_on = None


def _index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    op.create_index(
        name, table, columns, unique=unique,
        postgresql_where=sa.text(where), sqlite_where=sa.text(where),
    )  # fmt: skip


def upgrade() -> None:
    # No foreign key to spaces or accounts: a row goes with its post, and each further key would
    # cost every post a look-up or an index more.
    op.create_table(
        "publish_state",
        sa.Column(
            "post_id", UUID, sa.ForeignKey("social_posts.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("space_id", UUID, nullable=False),
        sa.Column("account_id", UUID),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("due_at", UTC, nullable=False),
        sa.Column("next_attempt_at", UTC, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("publish_key", UUID, nullable=False),
        sa.Column("hold", sa.Text()),
        sa.Column("hold_detail", sa.Text()),
        sa.Column("review", sa.Text()),
        sa.Column("failure_kind", sa.Text()),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("crashes", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("armed_at", UTC),
        sa.Column("preparing", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("lease_token", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("lease_owner", sa.Text()),
        sa.Column("lease_until", UTC),
        sa.Column("progress", JSON, nullable=False, server_default="{}"),
        sa.Column("reconcile_at", UTC),
        sa.Column("reconciles", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("updated_at", UTC, nullable=False),
        sa.CheckConstraint(
            "stage IN ('waiting', 'queued', 'posting', 'done')", name="ck_publish_state_stage"
        ),
    )
    # What comes due, in order of time.
    _index(
        "ix_publish_state_waiting", "publish_state", ["due_at", "post_id"],
        "stage = 'waiting' AND hold IS NULL",
    )  # fmt: skip
    # The lanes: one per account, each in order of time. Claims skip from head to head.
    _index(
        "ix_publish_state_lanes", "publish_state",
        ["space_id", "account_id", "next_attempt_at", "post_id"],
        "stage = 'queued' AND hold IS NULL AND review IS NULL AND lease_until IS NULL",
    )  # fmt: skip
    # At most one post per account is in flight: the last word, whatever a query overlooks.
    _index(
        "uq_publish_state_in_flight", "publish_state", ["account_id"],
        "lease_until IS NOT NULL", unique=True,
    )  # fmt: skip
    _index("ix_publish_state_review", "publish_state", ["reconcile_at"], "review = 'unconfirmed'")
    _index(
        "ix_publish_state_hold", "publish_state", ["hold", "next_attempt_at"], "hold IS NOT NULL"
    )

    op.create_table(
        "publish_attempts",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("space_id", UUID, nullable=False),
        sa.Column(
            "post_id", UUID, sa.ForeignKey("social_posts.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("publish_key", UUID, nullable=False),
        sa.Column("account_id", UUID),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("opened_at", UTC, nullable=False),
        sa.Column("armed_at", UTC),
        sa.Column("responded_at", UTC),
        sa.Column("http_status", sa.Integer()),
        sa.Column("platform_post_id", sa.Text()),
        sa.Column("outcome", sa.Text()),
        sa.Column("error_class", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("retry_after", sa.Float()),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
    )
    op.create_index("uq_publish_attempts_post", "publish_attempts", ["post_id", "n"], unique=True)
    _index(
        "uq_publish_attempts_open", "publish_attempts", ["publish_key"],
        "outcome IS NULL", unique=True,
    )  # fmt: skip
    _index(
        "uq_publish_attempts_live", "publish_attempts", ["publish_key"],
        "outcome IN ('confirmed', 'reconciled_live', 'resolved_live')", unique=True,
    )  # fmt: skip
    _index(
        "uq_publish_attempts_platform_post", "publish_attempts",
        ["account_id", "platform_post_id"], "platform_post_id IS NOT NULL", unique=True,
    )  # fmt: skip
    for table in ("publish_state", "publish_attempts"):
        protect(op, table)


def downgrade() -> None:
    op.drop_table("publish_attempts")
    op.drop_table("publish_state")
