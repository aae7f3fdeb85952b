"""What people type is text, wherever it is shown: no template is made of it (D35)."""

import re
from html import unescape
from pathlib import Path

import pytest
from tests.badinput.judging import JSON, writing
from tests.isolation import fields
from tests.isolation.routes import prepare, routes_of
from tests.isolation.row import address
from tests.isolation.world import browser
from tests.support.injections import PRODUCT, TEMPLATES

#: Fields that hold free text.
FREE = {
    "name", "display_name", "full_name", "label", "title", "description", "content", "text",
    "reason", "note", "subject", "bio", "message",
}  # fmt: skip
#: What a template that was run would leave behind.
RUN = re.compile(rf"{PRODUCT}|&lt;class |<class |<module |CoreSettings\(|\$argon2")


def write_everywhere(world, me, turn):
    """Put texts into all free fields there are; return how many were taken."""
    taken = 0
    for at, route in enumerate(writing(world, fake=False)):
        free = sorted(FREE & fields.names(world.app, route))
        if not free:
            continue
        part, sample = fields.sample_of(route, world, me)
        evil = {
            name: TEMPLATES[(at + n + turn) % len(TEMPLATES)] for n, name in enumerate(free)
        }  # fmt: skip
        evil = {name: [v] if isinstance(sample.get(name), list) else v for name, v in evil.items()}
        headers = browser(me) if part == "data" else {**browser(me), **JSON}
        answer = prepare(world, route, me)(headers, **{part: {**sample, **evil}})
        assert answer.status_code < 500, (route.key, answer.text[:200])
        assert not RUN.search(answer.text), (route.key, evil)
        taken += answer.status_code < 400
        if route.row.ends_session:
            world.sign_in(me)
        world.forget_limits()
    return taken


def read_everything(world, me, operator):
    """Ask for every page; return (what was run, which texts were seen)."""
    run, seen = [], set()
    for route in routes_of(world.app):
        if route.method != "GET" or route.rule is None or route.row.fake:
            continue
        who = operator if route.kind == "operator" else me
        url = world.url + address(route.path, route.row, world, me)
        answer = prepare(world, route, me)(browser(who), url=url)
        run += [f"{route.key}: {found[0]}" for found in RUN.finditer(answer.text)][:2]
        assert answer.status_code < 500 or answer.status_code == 503, route.key
        text = unescape(answer.text)
        seen |= {each for each in TEMPLATES if each in text}
        world.forget_limits()
    return run, seen


def turns(world, me, numbers):
    operator = world.people.get("operator") or world.add("operator", operator=True)
    seen = set()
    for turn in numbers:
        world.sign_in(me)
        assert write_everywhere(world, me, turn) >= 10
        world.sign_in(me)
        run, found = read_everything(world, me, operator)
        assert not run, "\n".join(run[:20])
        seen |= found
    return seen


def test_what_is_typed_is_not_run(world, me):
    assert len(TEMPLATES) >= 30
    step = len(TEMPLATES) // (2 if world.host.database.is_postgres else 4)
    seen = turns(world, me, range(0, len(TEMPLATES), step))
    assert len(seen) >= 10, seen  # it was shown, and as it was typed


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_all_that_is_typed_is_not_run(world, me):
    seen = turns(world, me, range(len(TEMPLATES)))
    assert len(seen) >= 30, set(TEMPLATES) - seen


#: What makes templates: of files of packages, or of a mail's (by a sandbox).
MAKERS = {"kernel/web/templates.py", "email/render.py", "network/pages.py"}


def test_no_template_is_made_of_a_text():
    root = Path(__file__).resolve().parents[2] / "packages"
    makes = re.compile(r"from_string\(|\bTemplate\(|Environment\(|\.compile_expression\(")
    found = {
        str(path.relative_to(root)).partition("/src/")[2].partition("/")[2]
        for path in root.glob("*/src/**/*.py")
        if makes.search(path.read_text())
    }
    assert found <= MAKERS, found - MAKERS
