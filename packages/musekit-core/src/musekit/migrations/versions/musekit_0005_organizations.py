"""Organizations: members, invitations, settings; spaces that belong to one."""

from __future__ import annotations

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

from musekit.migrations import (
    JSON,
    UTC,
    UUID,
    index,
    is_postgres,
    protect,
    reference,
    system_only,
)

revision = "musekit_0005"
down_revision = "musekit_0004"
branch_labels = None
depends_on = None

TABLES = ("organizations", "organization_members", "organization_settings", "invitations")
MEMBER = (
    "EXISTS (SELECT FROM organization_members m WHERE m.organization_id = organizations.id"
    " AND m.user_id = musekit_current_user())"
)


def upgrade() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("slug", sa.Text, nullable=False),
        reference("created_by", "users", keep=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        sa.Column("deleting_at", UTC),
        sa.UniqueConstraint("slug", name="uq_organizations_slug"),
    )
    op.create_table(
        "organization_members",
        reference("organization_id", "organizations"),
        reference("user_id", "users"),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "user_id", name="pk_organization_members"),
    )
    index(op, "organization_members", "user_id")
    _settings()
    _invitations()
    op.add_column(
        "spaces", reference("organization_id", "organizations", required=False),
        inline_references=True,
    )  # fmt: skip
    index(op, "spaces", "organization_id")
    op.add_column("profiles", sa.Column("username", sa.Text))
    op.add_column("profiles", sa.Column("bio", sa.Text))
    index(op, "profiles", "username", unique=True)
    own_user = "user_id = musekit_current_user()"
    protect(op, "organization_members", visible=own_user, verbs=("SELECT",))
    protect(op, "organizations", visible=MEMBER, verbs=("SELECT",))
    for table in ("organization_settings", "invitations"):
        system_only(op, table)


def downgrade() -> None:
    op.drop_index("ix_profiles_username", "profiles")
    op.drop_column("profiles", "bio")
    op.drop_column("profiles", "username")
    op.drop_index("ix_spaces_organization_id", "spaces")
    op.drop_column("spaces", "organization_id")
    if is_postgres(op):
        op.execute("DROP POLICY organizations_app ON organizations")  # it reads the members
    for table in reversed(TABLES):
        op.drop_table(table)


def _settings() -> None:
    op.create_table(
        "organization_settings",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("scope", sa.Text, nullable=False),
        reference("organization_id", "organizations", required=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        reference("updated_by", "users", keep=True),
        sa.UniqueConstraint("scope", name="uq_organization_settings_scope"),
    )
    # As text, for `musekit migrate --sql` has no literal for JSON.
    name = uuid4() if is_postgres(op) else uuid4().hex
    now = "now()" if is_postgres(op) else "strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'"
    op.execute(
        "INSERT INTO organization_settings (id, scope, settings, updated_at)"
        f" VALUES ('{name}', 'operator', '{{}}', {now})"
    )
    index(op, "organization_settings", "organization_id")


def _invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("id", UUID, primary_key=True),
        reference("organization_id", "organizations"),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("space_ids", JSON, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
        reference("invited_by", "users", keep=True),
        sa.Column("sends", sa.Integer, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.Column("accepted_at", UTC),
        reference("accepted_by", "users", keep=True),
        sa.Column("revoked_at", UTC),
        sa.UniqueConstraint("token_hash", name="uq_invitations_token_hash"),
    )
    index(
        op, "invitations", "organization_id", "email_key", unique=True,
        where="accepted_at IS NULL AND revoked_at IS NULL",
    )  # fmt: skip
