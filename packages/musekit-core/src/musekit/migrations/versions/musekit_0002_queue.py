"""The tables of the queue where it lives in PostgreSQL: Huey's own, made by the owner's login.

They are the statements of Huey 3.5 (`huey.storage.PostgresStorage`). Huey would run them itself at
every start, but the system's login may not create tables. On SQLite the queue has its own file.
"""

from __future__ import annotations

from alembic import op

from musekit.migrations import SYSTEM_ROLE, is_postgres, system_only

revision = "musekit_0002"
down_revision = "musekit_0001"
branch_labels = None
depends_on = None

TABLES = ("huey_kv", "huey_schedule", "huey_task", "huey_counter")


def upgrade() -> None:
    if not is_postgres(op):
        return
    for statement in (
        "CREATE TABLE huey_kv (queue text NOT NULL, key text NOT NULL, value bytea NOT NULL,"
        " PRIMARY KEY (queue, key))",
        "CREATE TABLE huey_schedule (id bigserial PRIMARY KEY, queue text NOT NULL,"
        " data bytea NOT NULL, timestamp double precision NOT NULL)",
        "CREATE INDEX huey_schedule_queue_timestamp ON huey_schedule (queue, timestamp)",
        "CREATE TABLE huey_task (id bigserial PRIMARY KEY, queue text NOT NULL,"
        " data bytea NOT NULL, priority double precision NOT NULL DEFAULT 0.0)",
        "CREATE INDEX huey_task_queue_priority_id ON huey_task (queue, priority DESC, id)",
        "CREATE TABLE huey_counter (queue text NOT NULL, key text NOT NULL,"
        " value bigint NOT NULL DEFAULT 0, PRIMARY KEY (queue, key))",
    ):
        op.execute(statement)
    for table in TABLES:
        system_only(op, table)
    for sequence in ("huey_schedule_id_seq", "huey_task_id_seq"):
        op.execute(f"GRANT USAGE ON SEQUENCE {sequence} TO {SYSTEM_ROLE}")


def downgrade() -> None:
    if is_postgres(op):
        for table in TABLES:
            op.drop_table(table)
