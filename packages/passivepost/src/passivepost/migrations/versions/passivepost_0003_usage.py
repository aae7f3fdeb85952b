"""Counts of use move to the core's table; the old one stays for one release, to go back to."""

from alembic import op

revision = "passivepost_0003"
down_revision = "passivepost_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What stands in the old table was counted by the code before this. `WHERE true`: SQLite would
    # take ON for that of a join.
    op.execute("""
        INSERT INTO usage_counters (space_id, product, metric, period, used, reserved)
        SELECT space_id, 'passive-post', metric, period, used, 0 FROM usage_counts WHERE true
        ON CONFLICT (space_id, product, metric, period) DO UPDATE SET used = excluded.used
    """)


def downgrade() -> None:
    op.execute("""
        INSERT INTO usage_counts (space_id, metric, period, used)
        SELECT space_id, metric, period, used FROM usage_counters
        WHERE product = 'passive-post' AND metric = 'posts'
        ON CONFLICT (space_id, metric, period) DO UPDATE SET used = excluded.used
    """)
