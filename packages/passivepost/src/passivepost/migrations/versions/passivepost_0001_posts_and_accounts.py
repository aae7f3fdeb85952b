"""Details of posts, connections, caps, metrics and alerts; two columns on ``social_posts``."""

import sqlalchemy as sa
from alembic import op

from musekit.migrations import JSON, SPACE, UTC, UUID, protect, system_only

revision = "passivepost_0001"
down_revision = None
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "post_details", "usage_counts", "oauth_flows", "account_state", "post_metrics", "alert_logs",
)  # fmt: skip


def _ref(name: str, target: str, *, on_delete: str = "CASCADE", **options: bool) -> sa.Column:
    options.setdefault("nullable", False)
    return sa.Column(name, UUID, sa.ForeignKey(target, ondelete=on_delete), **options)


def upgrade() -> None:
    op.add_column("social_posts", sa.Column("trend_source", sa.Text()))
    op.add_column("social_posts", sa.Column("niche_triggered", sa.Text()))
    # The calendar; the list, newest first, has its index from the core.
    op.create_index(
        "ix_passivepost_posts_calendar",
        "social_posts",
        ["space_id", "scheduled_at"],
        postgresql_where=sa.text("scheduled_at IS NOT NULL"),
        sqlite_where=sa.text("scheduled_at IS NOT NULL"),
    )
    # Two spaces would spend each other's tokens; whoever looks first cannot know who stores first.
    op.create_index(
        "uq_passivepost_accounts_identity",
        "social_accounts",
        ["platform", "platform_user_id"],
        unique=True,
    )

    op.create_table(
        "post_details",
        _ref("post_id", "social_posts.id", primary_key=True),
        SPACE(),
        sa.Column("parts", JSON, nullable=False),
        sa.Column("options", JSON, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("wall_time", sa.Text()),
        sa.Column("posted_ids", JSON, nullable=False),
        sa.Column("post_url", sa.Text()),
        sa.Column("counted_on", sa.Text()),
        sa.Column("disconnected_from", sa.Text()),
        sa.Column("updated_at", UTC, nullable=False),
    )
    op.create_table(
        "usage_counts",
        SPACE(),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("space_id", "metric", "period", name="pk_usage_counts"),
        sa.CheckConstraint("used >= 0", name="ck_usage_counts_used"),
    )
    op.create_table(
        "oauth_flows",
        sa.Column("id", UUID, primary_key=True),
        SPACE(),
        _ref("user_id", "users.id"),
        _ref("session_id", "user_sessions.id", nullable=True),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("state_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("verifier_encrypted", sa.Text(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.Column("used_at", UTC),
    )
    op.create_index("uq_oauth_flows_state_hash", "oauth_flows", ["state_hash"], unique=True)
    op.create_index("ix_oauth_flows_expires_at", "oauth_flows", ["expires_at"])
    op.create_table(
        "account_state",
        _ref("account_id", "social_accounts.id", primary_key=True),
        SPACE(),
        sa.Column("token_version", sa.Integer(), nullable=False),
        sa.Column("refreshed_at", UTC),
        sa.Column("refresh_owner", UUID),
        sa.Column("refresh_until", UTC),
    )
    op.create_table(
        "platform_health",
        sa.Column("platform", sa.Text(), primary_key=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("latency_ms", sa.Integer()),
        sa.Column("checked_at", UTC, nullable=False),
    )
    op.create_table(
        "post_metrics",
        _ref("post_id", "social_posts.id"),
        sa.Column("taken_at", UTC, nullable=False),
        SPACE(),
        sa.Column("likes", sa.BigInteger()),
        sa.Column("comments", sa.BigInteger()),
        sa.Column("shares", sa.BigInteger()),
        sa.Column("impressions", sa.BigInteger()),
        sa.Column("extra", JSON, nullable=False),
        sa.PrimaryKeyConstraint("post_id", "taken_at", name="pk_post_metrics"),
    )
    op.create_table(
        "alert_logs",
        sa.Column("id", UUID, primary_key=True),
        SPACE(),
        _ref("user_id", "users.id"),
        sa.Column("org_id", UUID),
        sa.Column("trend_text", sa.Text(), nullable=False),
        _ref("suggested_post_id", "social_posts.id", on_delete="SET NULL", nullable=True),
        sa.Column("action_taken", sa.Text()),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("source_url", sa.Text()),
        sa.Column("created_at", UTC, nullable=False),
    )
    op.create_index("ix_alert_logs_user_id_created_at", "alert_logs", ["user_id", "created_at"])
    for table in TENANT_TABLES:
        protect(op, table)
    system_only(op, "platform_health", readable=True)


def downgrade() -> None:
    for table in (
        "alert_logs", "post_metrics", "platform_health", "account_state", "oauth_flows",
        "usage_counts", "post_details",
    ):  # fmt: skip
        op.drop_table(table)
    op.drop_index("uq_passivepost_accounts_identity", "social_accounts")
    op.drop_index("ix_passivepost_posts_calendar", "social_posts")
    op.drop_column("social_posts", "niche_triggered")
    op.drop_column("social_posts", "trend_source")
