"""Whatever stands in a filter, a cursor, a path or a form: it is a value, and never a statement.

The parameters are those of the routes, so a new filter is tried by existing (D34). Each is tried
with every third value, beginning at another one for the next parameter and the other database, so
that filters of one kind get all of them; the slow tests try each with all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import unescape
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from tests.support.injections import EVIL

from musekit.email import suppression
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.listing import words
from musekit.kernel.queue.models import FailedJob, ParkedJob
from musekit.kernel.web.access import access_of
from musekit.organizations import service
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")
#: Of how many values one is tried: quickly, and in full.
SHARES = [
    pytest.param(3, id="some"),
    pytest.param(1, id="all", marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
]


class Things(dict[str, str]):
    """What stands in paths; of pages that others add, an id of nothing."""

    def __missing__(self, name: str) -> str:
        return str(UUID(int=0))


def parameters(app: FastAPI) -> Iterator[tuple[str, str, str, str]]:
    """Yield (method, path, where, name) of each parameter of the operator's routes."""
    for context in iter_route_contexts(app.router.routes):
        rule = access_of(context)
        if rule is None or rule.kind != "operator":
            continue
        dependant = context.dependant
        for method in sorted((context.methods or set()) - {"HEAD"}):
            for param in dependant.path_params:
                yield method, str(context.path), "path", param.alias
            for where, params in (
                ("query", dependant.query_params), ("form", dependant.body_params)
            ):  # fmt: skip
                for param in params:
                    kind = param.field_info.annotation
                    if isinstance(kind, type) and issubclass(kind, BaseModel):
                        names = list(kind.model_fields)
                    else:
                        names = [param.alias]
                    for name in names:
                        yield method, str(context.path), where, name


@pytest.fixture
def things(host: Host, operator: Any, make_user: Callable[..., SignedIn]) -> dict[str, str]:
    """One of each thing there are lists of, all called canary; what stands in paths."""
    person = make_user("canary@example.com")
    with host.database.session(SYSTEM) as session:
        organization, _ = service.create(session, person.user_id, "canary")
        suppression.add(session, "canary@example.com", "*", "bounce")
        job = FailedJob(name="canary", ids={}, attempts=1, error="x", failed_at=utc_now())
        parked = ParkedJob(name="canary", ids={}, digest="x", reason="x", parked_at=utc_now())
        session.add_all([job, parked])
        session.flush()
        job_id = str(job.id)
        organization_id = str(organization.id)
    sent = operator.send("/admin/email/templates/verify-email/try").headers["location"]
    nobody = str(operator.user.space_id)
    return {
        "user_id": str(person.user_id), "organization_id": organization_id, "job_id": job_id,
        "mail_id": sent.rpartition("/")[2], "entry_id": nobody, "product": "things",
        "left": "failed", "name": "musekit", "key": "verify-email",
    }  # fmt: skip


def some(values: list[str], at: int, host: Host, share: int) -> list[str]:
    """Return one of so many shares of the values."""
    return values[(at + host.database.is_postgres) % share :: share]


@pytest.mark.parametrize("share", SHARES)
def test_every_parameter_of_every_page(
    host: Host, app: FastAPI, operator: Any, things: dict[str, str], share: int
) -> None:
    tried, faults = 0, []
    found = [each for each in parameters(app) if each[0] == "GET"]
    assert len([each for each in found if each[2] == "query"]) >= 20, found
    for at, (_, path, where, name) in enumerate(found):
        host.limits.memory.forget()
        for evil in some(EVIL, at, host, share):
            filled = Things(things | ({name: evil} if where == "path" else {}))
            url = path.format_map(filled) + (f"?{name}={evil}" if where == "query" else "")
            page = operator.page(url)
            tried += 1
            if page.status_code not in {200, 404, 405, 422, 307, 303}:
                faults.append(f"{where} {name} of {path}: {page.status_code} for {evil[:40]}")
            if "<script>alert" in page.text or "<img src=x" in page.text:
                faults.append(f"{where} {name} of {path}: repeats markup")
            if "set-cookie" in page.headers and "a=b" in page.headers["set-cookie"]:
                faults.append(f"{where} {name} of {path}: sets a header")
            table = _table(page)
            if name == "search" and "canary" in table and words(unquote(evil)).lower() not in table:
                faults.append(f"{path}: “{evil[:40]}” finds what does not hold it")
    assert len(EVIL) >= 60
    assert tried >= len(EVIL) // share * len(found)
    assert not faults, "\n".join(faults)


def _table(page: Any) -> str:
    return unescape(page.text.partition("<tbody>")[2].partition("</tbody>")[0]).lower()


TEXTS = ["", "\0", "a\0b", "' OR 1=1 --", "🦤", "\ud7ff", "9" * 400, "-1", "null", "[" * 900,
         "../x", "\u202e", "A" * 20_000, "{{7*7}}", "\r\nX: y"]  # fmt: skip


@pytest.mark.parametrize("share", SHARES)
def test_every_field_of_every_form(
    host: Host, app: FastAPI, operator: Any, things: dict[str, str], share: int
) -> None:
    tried, faults = 0, []
    found = [
        each for each in parameters(app) if each[0] == "POST" and not each[1].startswith("/api/")
    ]
    assert {where for _, _, where, _ in found} == {"path", "form"}
    for at, (_, path, where, name) in enumerate(found):
        host.limits.memory.forget()
        for text in some(TEXTS, at, host, share):
            known = {name: quote(text, safe="")[:900]} if where == "path" else {}
            filled = Things(things | known)
            form = {name: text} if where == "form" else {}
            answer = operator.send(path.format_map(filled), **form)
            tried += 1
            if answer.status_code not in {303, 307, 404, 405, 422, 200}:
                faults.append(f"{where} {name} of {path}: {answer.status_code} for {text[:30]!r}")
    assert not faults, "\n".join(faults)
    assert tried >= len(TEXTS) // share * len(found)


#: Bodies that are good, of JSON routes with one: a field of theirs is changed at a time.
BODIES: dict[str, dict[str, Any]] = {
    "grants/{product}": {"tier": "tier_2", "reason": "x", "days": 7},
    "/close": {"reason": "x"},
    "/tiers/preview": {"tiers": [{"key": "tier_1", "label": "x", "rank": 1, "limits": {}}]},
    "/tiers": {"tiers": None, "seen": "x"},
    "/suppressions": {"address": "somebody@example.com"},
    "/ai/services": {"provider": "compatible", "model": "x", "key": "x"},
}
#: What is no text may stand in JSON, too.
VALUES: list[Any] = [*TEXTS, None, True, -1, 10**30, 1e300, [], {}, [[]], {"key": []}]


@pytest.mark.parametrize("share", SHARES)
def test_every_field_of_every_json_route_that_changes_something(
    host: Host, app: FastAPI, operator: Any, things: dict[str, str], share: int
) -> None:
    tried, faults = 0, []
    found = [each for each in parameters(app) if each[0] != "GET" and each[1].startswith("/api/")]
    assert {where for _, _, where, _ in found} == {"path", "form", "query"}
    for at, (method, path, where, name) in enumerate(found):
        good = next((body for end, body in BODIES.items() if path.endswith(end)), {})
        if where == "form":
            assert name in {*good, "base_url", "timeout_seconds", "is_default"}, (path, name)
        for value in some(VALUES, at, host, share):
            host.limits.memory.forget()
            text = value if isinstance(value, str) else str(value)
            known = {name: quote(text, safe="")[:900]} if where == "path" else {}
            url = path.format_map(Things({"template": "verify-email"} | things | known))
            answer = operator.user.client.request(
                method, url, json=good | ({name: value} if where == "form" else {}),
                params={name: text} if where == "query" else None,
            )  # fmt: skip
            tried += 1
            if answer.status_code not in {200, 204, 307, 404, 405, 409, 422}:
                faults.append(f"{where} {name} of {path}: {answer.status_code} for {text[:30]!r}")
    assert not faults, "\n".join(faults)
    assert tried >= len(VALUES) // share * len(found)
