"""The audit log: who did what, kept apart from everybody it speaks of, and only added to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from musekit.migrations import JSON, UTC, UUID, index, is_postgres, protect

revision = "musekit_0011"
down_revision = "musekit_0010"
branch_labels = None
depends_on = None

KEPT_DAYS = 400
OWN_SPACE = "in_space_id = musekit_current_space()"


def upgrade() -> None:
    # No foreign key: an entry outlives its actor, its space and its organization. It holds ids
    # and no addresses.
    op.create_table(
        "audit_log",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("at", UTC, nullable=False),
        sa.Column("actor_kind", sa.Text, nullable=False),
        sa.Column("actor_user_id", UUID),
        sa.Column("impersonator_id", UUID),
        sa.Column("token_id", UUID),
        sa.Column("via", sa.Text, nullable=False),
        sa.Column("in_space_id", UUID),
        sa.Column("in_organization_id", UUID),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("target_kind", sa.Text, nullable=False),
        sa.Column("target_id", sa.Text, nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("ip", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
    )
    for columns in (
        ("in_space_id", "at", "id"), ("in_organization_id", "at", "id"),
        ("actor_user_id", "at", "id"), ("target_id", "at", "id"), ("at", "id"), ("action", "at"),
    ):  # fmt: skip
        index(op, "audit_log", *columns)
    protect(op, "audit_log", visible=OWN_SPACE, verbs=("SELECT", "INSERT"))
    if is_postgres(op):
        _triggers_of_postgres()
    else:
        _triggers_of_sqlite()


def downgrade() -> None:
    op.drop_table("audit_log")
    if is_postgres(op):
        op.execute("DROP FUNCTION musekit_keep_audit()")


def _triggers_of_postgres() -> None:
    # Nobody speaks for somebody else: what a user's session adds names that user.
    op.execute(
        f"ALTER POLICY audit_log_app ON audit_log WITH CHECK ({OWN_SPACE}"
        " AND actor_user_id = musekit_current_user())"
    )
    op.execute(
        """
        CREATE FUNCTION musekit_keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'audit_log: entries are neither changed nor deleted'
                USING ERRCODE = 'integrity_constraint_violation';
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER audit_log_update BEFORE UPDATE ON audit_log FOR EACH ROW"
        " EXECUTE FUNCTION musekit_keep_audit()"
    )
    op.execute(
        "CREATE TRIGGER audit_log_delete BEFORE DELETE ON audit_log FOR EACH ROW"
        f" WHEN (OLD.at > now() - interval '{KEPT_DAYS} days')"
        " EXECUTE FUNCTION musekit_keep_audit()"
    )
    op.execute(
        "CREATE TRIGGER audit_log_truncate BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT"
        " EXECUTE FUNCTION musekit_keep_audit()"
    )


def _triggers_of_sqlite() -> None:
    refuse = "BEGIN SELECT RAISE(ABORT, 'audit_log: entries are neither changed nor deleted'); END"
    op.execute(f"CREATE TRIGGER audit_log_update BEFORE UPDATE ON audit_log {refuse}")
    op.execute(
        "CREATE TRIGGER audit_log_delete BEFORE DELETE ON audit_log"
        f" WHEN OLD.at > strftime('%Y-%m-%d %H:%M:%f', 'now', '-{KEPT_DAYS} days') {refuse}"
    )
