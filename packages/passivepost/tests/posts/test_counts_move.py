"""Migration 0003: counts go over to the core's table, and back to where they came from."""

import importlib

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import select

from musekit.api import Actor
from musekit.kernel.migrations.connection import locked, prepare
from musekit.products.models import UsageCounter
from passivepost.posts.models import UsageCount

SYSTEM = Actor.system("tests")
MIGRATION = importlib.import_module("passivepost.migrations.versions.passivepost_0003_usage")


def run(settings, step):
    """Run a step as `musekit migrate` would: as the owner, with its limits."""
    with locked(settings) as connection, connection.begin():
        prepare(connection)
        with Operations.context(MigrationContext.configure(connection)):
            step()


def counted(host, model):
    with host.database.session(SYSTEM, readonly=True) as session:
        return {
            (row.metric, row.period): row.used
            for row in session.scalars(select(model).order_by(model.period))
        }


def test_counts_go_over_and_come_back(settings, host, make_user):
    space = make_user().space_id
    with host.database.session(SYSTEM) as session:
        for metric, period, used in (("posts", "2026-11-23", 3), ("posts", "2026-11", 9)):
            session.add(UsageCount(space_id=space, metric=metric, period=period, used=used))
        for product, used in (("passive-post", 2), ("other", 5)):
            session.add(UsageCounter(
                space_id=space, product=product, metric="ai", period="2026-11-23", used=used,
            ))  # fmt: skip
    run(settings, MIGRATION.upgrade)
    run(settings, MIGRATION.upgrade)
    with host.database.session(SYSTEM, readonly=True) as session:
        rows = session.execute(
            select(
                UsageCounter.product, UsageCounter.metric, UsageCounter.period, UsageCounter.used,
                UsageCounter.reserved,
            )
        )  # fmt: skip
        assert sorted(map(tuple, rows)) == [
            ("other", "ai", "2026-11-23", 5, 0), ("passive-post", "ai", "2026-11-23", 2, 0),
            ("passive-post", "posts", "2026-11", 9, 0),
            ("passive-post", "posts", "2026-11-23", 3, 0),
        ]  # fmt: skip
    with host.database.session(SYSTEM) as session:
        mine = UsageCounter.product == "passive-post", UsageCounter.period == "2026-11-23"
        row = session.scalars(select(UsageCounter).where(*mine, UsageCounter.metric == "posts"))
        row.one().used = 4  # a post is planned after the move, then the release is taken back
    run(settings, MIGRATION.downgrade)
    assert counted(host, UsageCount) == {("posts", "2026-11-23"): 4, ("posts", "2026-11"): 9}
    run(settings, MIGRATION.upgrade)
    assert counted(host, UsageCounter)["posts", "2026-11-23"] == 4
