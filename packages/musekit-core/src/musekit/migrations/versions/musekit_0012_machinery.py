"""Which workers live, which jobs failed for good, and a proof that the keys are the right ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from musekit.migrations import JSON, UTC, UUID, index, system_only

revision = "musekit_0012"
down_revision = "musekit_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "worker_processes",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("started_at", UTC, nullable=False),
        sa.Column("seen_at", UTC, nullable=False),
        sa.Column("running", JSON, nullable=False),
        sa.Column("services", JSON, nullable=False),
        sa.Column("counts", JSON, nullable=False),
    )
    op.create_table(
        "failed_jobs",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("ids", JSON, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("failed_at", UTC, nullable=False),
    )
    index(op, "failed_jobs", "failed_at", "id")
    index(op, "failed_jobs", "name")
    system_only(op, "worker_processes")
    system_only(op, "failed_jobs")
    op.add_column("deployment", sa.Column("key_check", sa.Text))


def downgrade() -> None:
    op.drop_column("deployment", "key_check")
    op.drop_table("failed_jobs")
    op.drop_table("worker_processes")
