"""The core's tables, their protection, and the trigger that guards the states of a post."""

from __future__ import annotations

from datetime import UTC as UTC_ZONE
from datetime import datetime
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

from musekit.migrations import (
    APP_ROLE,
    JSON,
    OWN_SPACE,
    SPACE,
    SYSTEM_ROLE,
    TEXT_ARRAY,
    UTC,
    UUID,
    is_postgres,
    protect,
    system_only,
)
from musekit.migrations import musekit_0001_posts as posts

revision = "musekit_0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "users", "spaces", "space_members", "user_sessions", "api_tokens",
    "social_accounts", "social_posts", "profiles", "idempotency_records",
    "parked_jobs", "job_schedules", "rate_counters", "musekit_plugins", "deployment",
)  # fmt: skip
FUNCTIONS = ("musekit_current_space()", "musekit_current_user()", "musekit_uuid(text)")


def upgrade() -> None:
    if is_postgres(op):
        _roles_and_functions()
    _identity()
    _social()
    _machinery()
    posts.create(op)
    _protection()


def downgrade() -> None:
    if is_postgres(op):
        posts.drop_triggers(op)
        op.execute("DROP POLICY spaces_app ON spaces")  # it reads space_members
    for table in reversed(TABLES):
        op.drop_table(table)  # with its indexes, policies and, on SQLite, triggers
    if is_postgres(op):
        # The group roles stay: they belong to the server, not to this database.
        for function in (*posts.FUNCTIONS, *FUNCTIONS):
            op.execute(f"DROP FUNCTION {function}")


def _roles_and_functions() -> None:
    for role in (APP_ROLE, SYSTEM_ROLE):
        # Two databases of one server may be migrated at the same moment: roles are the server's.
        op.execute(
            f"""
            DO $$ BEGIN
                IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                    CREATE ROLE {role} NOLOGIN;
                END IF;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END $$
            """
        )
    op.execute(
        f"""
        DO $$ BEGIN
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO {APP_ROLE}, {SYSTEM_ROLE}',
                           current_schema());
        END $$
        """
    )
    # Plain SQL and not SECURITY DEFINER, so that the planner inlines them into the policies.
    op.execute(
        """
        CREATE FUNCTION musekit_uuid(value text) RETURNS uuid
        LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT CASE WHEN value ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                        THEN value::uuid END
        $$
        """
    )
    for name, setting in (("space", "musekit.space_id"), ("user", "musekit.user_id")):
        op.execute(
            f"""
            CREATE FUNCTION musekit_current_{name}() RETURNS uuid
            LANGUAGE sql STABLE PARALLEL SAFE AS $$
                SELECT musekit_uuid(current_setting('{setting}', true))
            $$
            """
        )


def _identity() -> None:
    op.create_table(
        "users",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text),
        sa.Column("is_operator", sa.Boolean, nullable=False),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("locale", sa.Text, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        sa.UniqueConstraint("email_key", name="uq_users_email_key"),
    )
    op.create_table(
        "spaces",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("personal_user_id", UUID, sa.ForeignKey("users.id", ondelete="CASCADE")),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.UniqueConstraint("personal_user_id", name="uq_spaces_personal_user_id"),
    )
    op.create_table(
        "space_members",
        sa.Column("space_id", UUID, sa.ForeignKey("spaces.id", ondelete="CASCADE"), nullable=False),
        _user(),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("space_id", "user_id", name="pk_space_members"),
    )
    op.create_table(
        "user_sessions",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("secret_hash", sa.LargeBinary(32), nullable=False),
        _user(),
        SPACE(),
        sa.Column("csrf_token", sa.Text, nullable=False),
        sa.Column("ip", sa.Text, nullable=False),
        sa.Column("user_agent", sa.Text, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("last_seen_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.UniqueConstraint("secret_hash", name="uq_user_sessions_secret_hash"),
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", UUID, primary_key=True),
        _user(),
        SPACE(),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("scopes", TEXT_ARRAY, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("last_used_at", UTC),
        sa.Column("expires_at", UTC),
        sa.Column("revoked_at", UTC),
        sa.UniqueConstraint("secret_hash", name="uq_api_tokens_secret_hash"),
    )
    _index("space_members", "user_id")
    _index("user_sessions", "user_id")
    _index("user_sessions", "space_id")
    _index("user_sessions", "expires_at")
    _index("api_tokens", "user_id")
    _index("api_tokens", "space_id")


def _social() -> None:
    op.create_table(
        "social_accounts",
        sa.Column("id", UUID, primary_key=True),
        SPACE(),
        _user(),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("platform_user_id", sa.Text, nullable=False),
        sa.Column("platform_username", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("access_token_encrypted", sa.Text),
        sa.Column("refresh_token_encrypted", sa.Text),
        sa.Column("token_expires_at", UTC),
        sa.Column("scopes", TEXT_ARRAY, nullable=False),
        sa.Column("is_valid", sa.Boolean, nullable=False),
        sa.Column("last_validated_at", UTC),
        sa.Column("last_error", sa.Text),
        sa.Column("connected_at", UTC, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        sa.UniqueConstraint("space_id", "platform", name="uq_social_accounts_space_id_platform"),
    )
    op.create_table(
        "social_posts",
        sa.Column("id", UUID, primary_key=True),
        SPACE(),
        _user(),
        sa.Column("account_id", UUID, sa.ForeignKey("social_accounts.id", ondelete="SET NULL")),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("media_urls", TEXT_ARRAY, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("scheduled_at", UTC),
        sa.Column("posted_at", UTC),
        sa.Column("platform_post_id", sa.Text),
        sa.Column("engagement_data", JSON),
        sa.Column("error_message", sa.Text),
        sa.Column("ai_generated", sa.Boolean, nullable=False),
        sa.Column("brand_voice", sa.Text),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        sa.CheckConstraint(f"status IN {posts.STATUSES!r}", name="ck_social_posts_status"),
    )
    op.create_table(
        "profiles",
        sa.Column("id", UUID, primary_key=True),
        SPACE(),
        _user(),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("avatar_url", sa.Text),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        sa.UniqueConstraint("user_id", name="uq_profiles_user_id"),
    )
    _index("social_accounts", "user_id")
    _index("social_posts", "space_id", "status", "scheduled_at", "id")
    _index("social_posts", "space_id", "created_at", "id")
    _index("social_posts", "user_id", "status")
    op.create_index(
        "uq_social_posts_account_id_platform_post_id",
        "social_posts",
        ["account_id", "platform_post_id"],
        unique=True,
    )
    _index("profiles", "space_id")


def _machinery() -> None:
    op.create_table(
        "idempotency_records",
        sa.Column("id", UUID, primary_key=True),
        SPACE(),
        _user(),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
        sa.Column("holder", UUID, nullable=False),
        sa.Column("lease_until", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("headers", JSON),
        sa.Column("body", sa.LargeBinary),
        sa.UniqueConstraint(
            "space_id", "user_id", "method", "path", "key",
            name="uq_idempotency_records_space_id_user_id_method_path_key",
        ),
    )  # fmt: skip
    op.create_table(
        "parked_jobs",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("ids", JSON, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("parked_at", UTC, nullable=False),
        sa.UniqueConstraint("digest", name="uq_parked_jobs_digest"),
    )
    op.create_table(
        "job_schedules",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("next_run_at", UTC, nullable=False),
        sa.Column("last_run_at", UTC),
    )
    op.create_table(
        "rate_counters",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("window", sa.BigInteger, nullable=False),
        sa.Column("hits", sa.Integer, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scope", "window", name="pk_rate_counters"),
    )
    op.create_table(
        "musekit_plugins",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("distribution", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("revision", sa.Text),
        sa.Column("owned", JSON, nullable=False),
        sa.Column("last_seen_at", UTC, nullable=False),
    )
    deployment = op.create_table(
        "deployment",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("instance_id", UUID, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.CheckConstraint("id = 1", name="ck_deployment_single"),
    )
    now = datetime.now(UTC_ZONE)
    if not is_postgres(op):
        now = now.replace(tzinfo=None)  # SQLite's text carries no zone; it is UTC throughout
    op.bulk_insert(deployment, [{"id": 1, "instance_id": uuid4(), "created_at": now}])
    _index("idempotency_records", "user_id")
    _index("idempotency_records", "expires_at")
    _index("parked_jobs", "name")
    _index("rate_counters", "expires")


def _protection() -> None:
    read = ("SELECT",)
    own_user = "user_id = musekit_current_user()"
    protect(op, "users", visible="id = musekit_current_user()", verbs=read)
    protect(op, "user_sessions", visible=own_user, verbs=read)
    protect(op, "api_tokens", visible=own_user, verbs=read)
    protect(op, "space_members", visible=f"{own_user} OR {OWN_SPACE}", verbs=read)
    protect(
        op,
        "spaces",
        visible="EXISTS (SELECT FROM space_members m WHERE m.space_id = spaces.id"
        " AND m.user_id = musekit_current_user())",
        verbs=read,
    )
    for table in ("social_accounts", "social_posts", "profiles", "idempotency_records"):
        protect(op, table)
    for table in ("parked_jobs", "job_schedules", "rate_counters"):
        system_only(op, table)
    for table in ("musekit_plugins", "deployment"):
        system_only(op, table, readable=True)


def _user() -> sa.Column:
    return sa.Column("user_id", UUID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False)


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))
