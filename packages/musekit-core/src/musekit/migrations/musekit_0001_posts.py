"""The guard of posts, a part of migration 0001: as frozen as the migration itself."""

from __future__ import annotations

from typing import Any

from musekit.migrations import is_postgres

FUNCTIONS = ("musekit_refuse_post()", "musekit_check_post_account()")
STATUSES = ("draft", "scheduled", "queued", "approved", "posting", "posted", "failed", "ignored")
MOVES = (
    "draft>scheduled", "draft>approved", "draft>ignored",
    "scheduled>draft", "scheduled>approved", "scheduled>queued", "scheduled>ignored",
    "scheduled>failed",
    "approved>draft", "approved>scheduled", "approved>queued", "approved>ignored",
    "approved>failed",
    "queued>posting", "queued>scheduled", "queued>failed",
    "posting>posted", "posting>failed", "posting>queued",
    "failed>draft", "failed>scheduled",
    "ignored>draft",
)  # fmt: skip
#: States a post may begin in. Beside them only `posted`, with the network's id and the time: what
#: an import reads back from a network. Nothing begins in the publisher's hands.
BEGINNINGS = ("draft", "scheduled", "approved", "ignored")


def create(op: Any) -> None:
    """Triggers: a post's state moves as the table of moves says, its account is of its space."""
    moves, beginnings = _texts(MOVES), _texts(BEGINNINGS)
    if is_postgres(op):
        op.execute(
            """
            CREATE FUNCTION musekit_refuse_post() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    RAISE EXCEPTION 'social_posts: a post cannot begin as %', NEW.status
                        USING ERRCODE = 'check_violation';
                END IF;
                RAISE EXCEPTION 'social_posts: a post cannot go from % to %',
                    OLD.status, NEW.status USING ERRCODE = 'check_violation';
            END $$
            """
        )
        op.execute(
            """
            CREATE FUNCTION musekit_check_post_account() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NOT EXISTS (SELECT FROM social_accounts a
                               WHERE a.id = NEW.account_id AND a.space_id = NEW.space_id) THEN
                    RAISE EXCEPTION 'social_posts: the account is not of the space of the post'
                        USING ERRCODE = 'check_violation';
                END IF;
                RETURN NEW;
            END $$
            """
        )
        # The conditions stand in WHEN: a move that is allowed calls no function at all.
        op.execute(
            f"""
            CREATE TRIGGER social_posts_insert BEFORE INSERT ON social_posts FOR EACH ROW
            WHEN (NOT (NEW.status IN ({beginnings}) OR (NEW.status = 'posted'
                  AND NEW.platform_post_id IS NOT NULL AND NEW.posted_at IS NOT NULL)))
            EXECUTE FUNCTION musekit_refuse_post()
            """
        )
        op.execute(
            f"""
            CREATE TRIGGER social_posts_move BEFORE UPDATE OF status ON social_posts FOR EACH ROW
            WHEN (OLD.status <> NEW.status
                  AND (OLD.status || '>' || NEW.status) NOT IN ({moves}))
            EXECUTE FUNCTION musekit_refuse_post()
            """
        )
        op.execute(
            """
            CREATE TRIGGER social_posts_account BEFORE INSERT OR UPDATE OF account_id, space_id
            ON social_posts FOR EACH ROW WHEN (NEW.account_id IS NOT NULL)
            EXECUTE FUNCTION musekit_check_post_account()
            """
        )
        return
    op.execute(
        f"""
        CREATE TRIGGER social_posts_insert BEFORE INSERT ON social_posts
        WHEN NOT (NEW.status IN ({beginnings}) OR (NEW.status = 'posted'
             AND NEW.platform_post_id IS NOT NULL AND NEW.posted_at IS NOT NULL))
        BEGIN SELECT RAISE(ABORT, 'social_posts: a post cannot begin in this state'); END
        """
    )
    op.execute(
        f"""
        CREATE TRIGGER social_posts_move BEFORE UPDATE OF status ON social_posts
        WHEN OLD.status <> NEW.status AND (OLD.status || '>' || NEW.status) NOT IN ({moves})
        BEGIN SELECT RAISE(ABORT, 'social_posts: a post cannot go from this state to that'); END
        """  # noqa: S608 - our own constants
    )
    for event in ("INSERT", "UPDATE OF account_id, space_id"):
        op.execute(
            f"""
            CREATE TRIGGER social_posts_account_{event.split()[0].lower()}
            BEFORE {event} ON social_posts
            WHEN NEW.account_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM social_accounts a
                 WHERE a.id = NEW.account_id AND a.space_id = NEW.space_id)
            BEGIN SELECT RAISE(ABORT,
                'social_posts: the account is not of the space of the post'); END
            """  # noqa: S608
        )


def drop_triggers(op: Any) -> None:
    """Drop the triggers on PostgreSQL; on SQLite they go with the table."""
    op.execute("DROP TRIGGER social_posts_insert ON social_posts")
    op.execute("DROP TRIGGER social_posts_move ON social_posts")
    op.execute("DROP TRIGGER social_posts_account ON social_posts")


def _texts(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)
