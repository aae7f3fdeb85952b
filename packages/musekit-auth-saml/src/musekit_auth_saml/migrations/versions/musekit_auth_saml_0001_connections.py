"""Connections to identity providers, their domains, sign-ins on their way, answers seen."""

import sqlalchemy as sa
from alembic import op

from musekit.migrations import JSON, UTC, UUID, index, reference, system_only

revision = "musekit_auth_saml_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "saml_connections",
        sa.Column("id", UUID, primary_key=True),
        reference("organization_id", "organizations"),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Text(), nullable=False),
        sa.Column("sso_url", sa.Text(), nullable=False),
        sa.Column("certificates", JSON, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        sa.Column("last_used_at", UTC),
        sa.Column("last_fault", sa.Text()),
        sa.Column("last_fault_at", UTC),
    )
    index(op, "saml_connections", "organization_id")
    system_only(op, "saml_connections")

    op.create_table(
        "saml_domains",
        sa.Column("id", UUID, primary_key=True),
        reference("connection_id", "saml_connections"),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("confirmed_at", UTC),
        reference("confirmed_by", "users", keep=True),
    )
    index(op, "saml_domains", "connection_id", "domain", unique=True)
    # A domain leads to one provider; who has only claimed it keeps nobody else from it.
    index(
        op, "saml_domains", "domain", unique=True, where="confirmed_at IS NOT NULL",
        name="uq_saml_domains_confirmed",
    )  # fmt: skip
    index(op, "saml_domains", "confirmed_by")
    system_only(op, "saml_domains")

    op.create_table(
        "saml_flows",
        sa.Column("flow_id", UUID, primary_key=True),
        reference("connection_id", "saml_connections"),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("return_to", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(32)),
        sa.Column("identity", JSON),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
    )
    index(op, "saml_flows", "request_id", unique=True)
    index(op, "saml_flows", "connection_id")
    index(op, "saml_flows", "expires_at")
    system_only(op, "saml_flows")

    op.create_table(
        "saml_replays",
        sa.Column("assertion_hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("expires_at", UTC, nullable=False),
    )
    index(op, "saml_replays", "expires_at")
    system_only(op, "saml_replays")


def downgrade() -> None:
    for table in ("saml_replays", "saml_flows", "saml_domains", "saml_connections"):
        op.drop_table(table)
