"""Sixty texts in every filter, order and cursor of every list: values, never statements (D34).

Those of the operator's pages have a test of their own in the core (`admin/test_fuzz.py`), with
more to find in them; here are all, those of other packages among them.
"""

import re
import time
from pathlib import Path

import pytest
from tests.isolation import fields, leaks
from tests.isolation.routes import prepare, routes_of
from tests.isolation.row import address
from tests.isolation.things.posts import draft
from tests.isolation.world import browser
from tests.support.injections import EVIL

#: `pg_sleep(9)` and its like would take longer.
LONGEST = 6


def tables(world):
    return {table: len(columns) for table, columns in world.tables(world.watching).items()}


def lists(world, me):
    """Yield each route that is asked with parameters, and their names."""
    for route in routes_of(world.app):
        if route.method != "GET" or route.rule is None or route.row.fake:
            continue
        names = fields.query_names(world.app, route)
        if route.kind == "operator":
            continue
        if names:
            yield route, names


def fuzz(world, me, share):
    victim = world.people.get("victim") or world.add("victim")
    draft(world, victim)
    before, faults, tried = tables(world), [], set()
    for number, (route, names) in enumerate(lists(world, me)):
        send = prepare(world, route, me)
        _, sample = fields.sample_of(route, world, me)
        given = "&".join(f"{name}={value}" for name, value in sample.items())
        url = f"{world.url}{address(route.path, route.row, world, me)}?{given}"
        for at, name in enumerate(names):
            for evil in EVIL[(number + at + world.host.database.is_postgres) % share :: share]:
                start = time.monotonic()
                answer = send(browser(me), url=f"{url}&{name}={evil}", params=None)
                told = f"{route.key} with {name}={evil[:40]}: {answer.status_code}"
                tried.add((route.key, name, evil))
                if answer.status_code >= 500 and answer.status_code != 503:
                    faults.append(told)
                if time.monotonic() - start > LONGEST:
                    faults.append(f"{told} after {time.monotonic() - start:.1f} s")
                faults += [f"{told}: tells the {each}" for each in leaks.words_of(victim, answer)]
        world.forget_limits()
    assert not faults, "\n".join(faults[:40])
    world._tables.clear()
    assert tables(world) == before
    return tried


def test_every_filter_with_every_third_text(world, me):
    tried = fuzz(world, me, 3)
    assert len({(route, name) for route, name, _ in tried}) >= 25
    assert {evil for _, _, evil in tried} == set(EVIL)
    assert len(EVIL) >= 60


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_filter_with_every_text(world, me):
    tried = fuzz(world, me, 1)
    assert len(tried) == len({(route, name) for route, name, _ in tried}) * len(set(EVIL))


#: What puts names of tables into statements, which it has from the database's catalogue.
OF_THE_CATALOGUE = {"purge.py", "purge_plan.py"}
PUT_TOGETHER = re.compile(
    r"""(order_by|filter|where|having|group_by)\(\s*(text\()?f["']"""
    r"""|text\(\s*f["'](SELECT|UPDATE|DELETE|INSERT)"""
)


def test_no_statement_is_put_together_from_text():
    """Nor could it be: no module writes SQL by f-string into an order or a filter."""
    root = Path(__file__).resolve().parents[2] / "packages"
    modules = sorted(root.glob("*/src/**/*.py"))
    assert len(modules) > 300
    found = [
        f"{path.relative_to(root)}: {match[0]}"
        for path in modules
        for match in PUT_TOGETHER.finditer(path.read_text())
        if path.name not in OF_THE_CATALOGUE
    ]
    assert found == []
