"""No index of posts holds their state, so that a change of state is written to none.

A post changes its state three times on its way out. While an index held it, PostgreSQL wrote each
change to all indexes of the table, each at another place: the cost grew with the posts of the past.
Now it is a heap-only update, where the page has room for it: hence the fill factor.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from musekit.migrations import is_postgres

revision = "musekit_0003"
down_revision = "musekit_0002"
branch_labels = None
depends_on = None

TABLE = "social_posts"
WITH_STATE = (("space_id", "status", "scheduled_at", "id"), ("user_id", "status"))
UNSENT = "ix_social_posts_unsent"


def upgrade() -> None:
    for columns in WITH_STATE:
        op.drop_index(_name(columns), TABLE)
    op.create_index(_name(("user_id",)), TABLE, ["user_id"])
    unsent = sa.text("posted_at IS NULL")
    op.create_index(
        UNSENT,
        TABLE,
        ["space_id", "scheduled_at", "id"],
        postgresql_where=unsent,
        sqlite_where=unsent,
    )
    if is_postgres(op):
        op.execute(f"ALTER TABLE {TABLE} SET (fillfactor = 70)")


def downgrade() -> None:
    if is_postgres(op):
        op.execute(f"ALTER TABLE {TABLE} RESET (fillfactor)")
    op.drop_index(UNSENT, TABLE)
    op.drop_index(_name(("user_id",)), TABLE)
    for columns in WITH_STATE:
        op.create_index(_name(columns), TABLE, list(columns))


def _name(columns: tuple[str, ...]) -> str:
    return f"ix_{TABLE}_{'_'.join(columns)}"
