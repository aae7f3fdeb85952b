"""Every statement of the publisher reaches its rows by an index, however long the past is."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
import world

import passivepost.publishing
from passivepost.publishing.sql import _PARAMETER, Statement
from passivepost.publishing.store import BY_INDEX

VALUES = {"uuid": uuid4(), "text": "x", "int": 1, "float": 1.0, "time": datetime.now(UTC)}
PARAMETERS = {
    "account": VALUES["uuid"], "space": VALUES["uuid"], "owner": "x", "version": "x",
    "worker": "x", "words": "x", "late": 60.0, "lease": 60.0, "most": 100, "scan": 64,
    "count": 3,
}  # fmt: skip
#: Of PostgreSQL alone: what they guard against, or save, is not there on SQLite.
POSTGRES_ALONE = {"promote._ALONE", "straight._STRAIGHT"}
LARGE = {"publish_state", "publish_attempts", "social_posts", "post_details", "social_accounts"}
#: Partial indexes, of what is under way: these may be read from end to end.
SHORT = {
    "ix_publish_state_waiting", "ix_publish_state_lanes", "uq_publish_state_in_flight",
    "ix_publish_state_review", "ix_publish_state_hold",
}  # fmt: skip


def statements():
    for module in pkgutil.iter_modules(passivepost.publishing.__path__):
        found = importlib.import_module(f"passivepost.publishing.{module.name}")
        for name, value in vars(found).items():
            if isinstance(value, Statement):
                yield pytest.param(value, id=f"{module.name}.{name}")


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def past(request, tmp_path_factory):
    """A host with 6,000 posts of the past, some due, and the statistics of a table at rest."""
    from musekit.kernel.build import build_host
    from musekit.testing import databases

    folder = tmp_path_factory.mktemp("plans")
    admin = None
    if request.param == "postgres":
        admin = request.getfixturevalue("postgres_admin_url")
        urls = databases.provision(admin, "musekit_plans")
    else:
        urls = databases.provision_sqlite(folder / "musekit.db")
    host = build_host(urls.settings(folder), plugins=["musekit", "passivepost"], strict=True)
    owners = world.accounts(host, 1000)
    world.posts(host, owners, 6000)
    world.execute(host, "UPDATE publish_state SET stage = 'done'")
    world.posts(host, owners[:50], 100, due=-10)
    with host.database.session(world.SYSTEM) as session:
        for post_id in [row.post_id for row in world.states(host)]:
            session.add(_attempt(post_id))
    if admin:
        owner = databases.create_engine(urls.owner_url, isolation_level="AUTOCOMMIT")
        with owner.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
        owner.dispose()
    yield host
    host.close()
    if admin:
        databases.drop(admin, "musekit_plans")


def _attempt(post_id):
    from passivepost.publishing.models import PublishAttempt

    now = datetime.now(UTC)
    return PublishAttempt(
        id=uuid4(), space_id=uuid4(), post_id=post_id, n=1, publish_key=uuid4(),
        lease_token=1, content_hash="", opened_at=now, outcome="confirmed", worker="w",
        code_version="0",
    )  # fmt: skip


def faults(host, statement):
    """Return what a statement, over a batch of three rows, reads whole."""
    values = {name: PARAMETERS[name] for name in _PARAMETER.findall(statement.template)}
    rows = [[VALUES[kind] for kind in statement.batch.values()]] * 3
    with host.database.session(world.SYSTEM, local=BY_INDEX) as session:
        connection = session.connection()
        if host.database.is_postgres:
            columns = zip(*rows, strict=True)
            batch = {n: list(column) for n, column in zip(statement.batch, columns, strict=True)}
            found = connection.exec_driver_sql(
                "EXPLAIN (FORMAT JSON) " + statement.postgres, {**values, **batch}
            ).scalar()
            bad = list(_whole_on_postgres(found[0]["Plan"]))
        else:
            values = {name: _plain(value) for name, value in values.items()}
            if statement.batch:
                values["batch"] = json.dumps([[_plain(value) for value in row] for row in rows])
            found = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement.sqlite, values)
            bad = _whole_on_sqlite(statement, [row[-1] for row in found])
        session.rollback()
        return bad


def _whole_on_postgres(node):
    index, table = node.get("Index Name"), node.get("Relation Name")
    if table in LARGE and node["Node Type"] == "Seq Scan":
        yield f"Seq Scan on {table}"
    if index and not node.get("Index Cond") and index not in SHORT:
        yield f"{index} read from end to end"
    for child in node.get("Plans", ()):
        yield from _whole_on_postgres(child)


def _whole_on_sqlite(statement, lines):
    aliased = re.findall(rf"\b({'|'.join(LARGE)})(?: AS)? (\w\w?)\b", statement.template)
    names = {short: table for table, short in aliased} | {table: table for table in LARGE}
    for line in lines:
        read = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", line)
        if read and names.get(read[1]) in LARGE and read[2] not in SHORT:
            yield line


def _plain(value):
    if isinstance(value, UUID):
        return value.hex
    return str(value) if isinstance(value, datetime) else value


@pytest.mark.parametrize("statement", list(statements()))
def test_no_statement_reads_a_table_whole(past, statement, request):
    if not past.database.is_postgres and request.node.callspec.id.split("-")[-1] in POSTGRES_ALONE:
        pytest.skip("read from PostgreSQL's plan")
    assert list(faults(past, statement)) == []


def test_a_missing_index_is_noticed(past):
    assert list(faults(past, Statement("SELECT 1 FROM publish_state s WHERE s.tries = 7")))
    assert list(faults(past, Statement("UPDATE social_posts SET content = '' WHERE content = 'x'")))


def test_there_are_statements():
    assert len(list(statements())) > 35
