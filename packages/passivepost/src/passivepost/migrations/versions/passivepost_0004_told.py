"""What was told of posts and accounts, and an index of the posts that failed."""

import sqlalchemy as sa
from alembic import op

from musekit.migrations import SPACE, UTC, UUID, index, is_postgres, protect

revision = "passivepost_0004"
down_revision = "passivepost_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "told_news",
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("subject", UUID, nullable=False),
        sa.Column("edition", UUID, nullable=False),
        SPACE(),
        sa.Column("told_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("what", "subject", "edition", name="pk_told_news"),
    )
    index(op, "told_news", "space_id")
    index(op, "told_news", "told_at")
    # Every change of a row that is on its way writes to the other indexes anyway; what succeeds
    # is never in this one.
    index(
        op, "publish_state", "updated_at", name="ix_publish_state_failed",
        where="stage = 'done' AND failure_kind IS NOT NULL",
    )  # fmt: skip
    protect(op, "told_news")
    # What lies behind is no news: it was seen on the pages.
    now = "now()" if is_postgres(op) else "strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'"
    for what, condition in (
        ("post.failed", "stage = 'done' AND failure_kind IS NOT NULL"),
        ("post.unconfirmed", "review = 'unconfirmed'"),
        ("post.asked", "review = 'unconfirmed' AND reconcile_at IS NULL"),
    ):
        op.execute(
            "INSERT INTO told_news (what, subject, edition, space_id, told_at)"
            f" SELECT '{what}', post_id, publish_key, space_id, {now}"
            f" FROM publish_state WHERE {condition}"
        )
    op.execute(
        "INSERT INTO told_news (what, subject, edition, space_id, told_at)"
        f" SELECT 'account.disconnected', id, id, space_id, {now} FROM social_accounts"
        " WHERE NOT is_valid"
    )


def downgrade() -> None:
    op.drop_index("ix_publish_state_failed", "publish_state")
    op.drop_table("told_news")
