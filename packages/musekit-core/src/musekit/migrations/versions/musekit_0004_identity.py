"""Proven addresses, recent sign-in, further ways in, second factors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from musekit.migrations import (
    JSON,
    TEXT_ARRAY,
    UTC,
    UUID,
    index,
    protect,
    reference,
    system_only,
)

revision = "musekit_0004"
down_revision = "musekit_0003"
branch_labels = None
depends_on = None

TABLES = (
    "user_identities", "one_time_links", "sign_in_flows", "user_totp", "recovery_codes", "passkeys",
)  # fmt: skip
OWN_USER = "user_id = musekit_current_user()"
#: When what happened to a person's account.
TIMES = (
    "email_verified_at", "password_changed_at", "disabled_at", "deleting_at", "last_sign_in_at",
)  # fmt: skip


def upgrade() -> None:
    for name in TIMES:
        op.add_column("users", sa.Column(name, UTC))
    for column in (
        sa.Column("authenticated_at", UTC),
        sa.Column("methods", TEXT_ARRAY),
        reference("impersonator_user_id", "users", required=False),
        sa.Column("impersonator_session_id", UUID),
        sa.Column("organization_id", UUID),
    ):
        op.add_column("user_sessions", column, inline_references=True)
    index(op, "user_sessions", "impersonator_user_id")
    op.add_column("api_tokens", sa.Column("last_used_ip", sa.Text))
    _ways_in()
    _second_factors()
    for table in ("user_identities", "passkeys"):
        protect(op, table, visible=OWN_USER, verbs=("SELECT",))
    for table in ("one_time_links", "sign_in_flows", "user_totp", "recovery_codes"):
        system_only(op, table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_column("api_tokens", "last_used_ip")
    op.drop_index("ix_user_sessions_impersonator_user_id", "user_sessions")
    for name in (
        "organization_id", "impersonator_session_id", "impersonator_user_id", "methods",
        "authenticated_at",
    ):  # fmt: skip
        op.drop_column("user_sessions", name)
    for name in reversed(TIMES):
        op.drop_column("users", name)


def _ways_in() -> None:
    op.create_table(
        "user_identities",
        sa.Column("id", UUID, primary_key=True),
        reference("user_id", "users"),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_verified", sa.Boolean, nullable=False),
        sa.Column("organization_id", UUID),  # no foreign key: the organization may be gone
        sa.Column("linked_at", UTC, nullable=False),
        sa.Column("last_used_at", UTC),
        sa.UniqueConstraint("issuer", "subject", name="uq_user_identities_issuer_subject"),
    )
    op.create_table(
        "one_time_links",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
        reference("user_id", "users", required=False),
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("data", JSON),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.Column("used_at", UTC),
        sa.UniqueConstraint("token_hash", name="uq_one_time_links_token_hash"),
    )
    op.create_table(
        "sign_in_flows",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("session_id", UUID),
        reference("user_id", "users", required=False),
        sa.Column("provider", sa.Text),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("secret_encrypted", sa.Text),
        sa.Column("next", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.Column("used_at", UTC),
        sa.UniqueConstraint("state_hash", name="uq_sign_in_flows_state_hash"),
    )
    for table in ("user_identities", "one_time_links", "sign_in_flows"):
        index(op, table, "user_id")
    for table in ("one_time_links", "sign_in_flows"):
        index(op, table, "expires_at")


def _second_factors() -> None:
    op.create_table(
        "user_totp",
        sa.Column("user_id", UUID, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("secret_encrypted", sa.Text, nullable=False),
        sa.Column("confirmed_at", UTC),
        sa.Column("last_counter", sa.BigInteger, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", UUID, primary_key=True),
        reference("user_id", "users"),
        sa.Column("code_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("used_at", UTC),
        sa.UniqueConstraint("user_id", "code_hash", name="uq_recovery_codes_user_id_code_hash"),
    )
    op.create_table(
        "passkeys",
        sa.Column("id", UUID, primary_key=True),
        reference("user_id", "users"),
        sa.Column("credential_id", sa.LargeBinary, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("transports", TEXT_ARRAY, nullable=False),
        sa.Column("aaguid", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("backed_up", sa.Boolean, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("last_used_at", UTC),
        sa.UniqueConstraint("credential_id", name="uq_passkeys_credential_id"),
    )
    index(op, "passkeys", "user_id")
