"""Idempotency-Key through the whole application, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter, FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import func, select, update
from starlette.responses import JSONResponse

from musekit.kernel.actors import Actor
from musekit.kernel.build import build_host
from musekit.kernel.database.types import db_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.kernel.queue.models import ParkedJob
from musekit.kernel.settings import CoreSettings
from musekit.kernel.web import idempotency_store as store
from musekit.kernel.web.access import HostDep, signed_in
from musekit.kernel.web.idempotency import no_store
from musekit.kernel.web.idempotency_models import IdempotencyRecord

SYSTEM = Actor.system("tests")
router = APIRouter(prefix="/api/test-idempotency")


class Thing(BaseModel):
    name: str
    fault: str = ""


def _make(host: Host, name: str) -> str:
    """The work: one row. (The table of parked jobs serves as a table of things here.)"""
    row = new_id()
    with host.database.session(SYSTEM) as session:
        session.add(
            ParkedJob(
                id=row, name=name, ids={}, digest=uuid4().hex, reason="made by a test",
                parked_at=session.scalars(select(db_now())).one(),
            )
        )  # fmt: skip
    return str(row)


@router.post("/things", status_code=201)
def make(thing: Thing, host: HostDep, actor: Annotated[Actor, signed_in()]) -> dict[str, str]:
    if thing.fault == "refused":
        raise HTTPException(409, "refused")
    made = _make(host, thing.name)
    if thing.fault == "crash":
        raise RuntimeError("after the work")
    return {"id": made}


@router.post("/secrets", status_code=201)
@no_store
def make_secret(host: HostDep, actor: Annotated[Actor, signed_in()]) -> dict[str, str]:
    return {"id": _make(host, "secret"), "secret": "hush-hush-hush"}


@router.post("/headers", status_code=201)
def make_by_header(host: HostDep, actor: Annotated[Actor, signed_in()]) -> JSONResponse:
    answer = {"id": _make(host, "secret"), "secret": "hush-hush-hush"}
    return JSONResponse(answer, 201, headers={"Cache-Control": "no-store"})


@pytest.fixture
def host(settings: CoreSettings) -> Iterator[Host]:
    """The core alone: this needs no product."""
    built = build_host(settings, plugins=["musekit"], strict=True)
    yield built
    built.close()


@pytest.fixture
def browser(app: FastAPI, make_user: Any) -> Any:
    app.include_router(router)
    user = make_user()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    class Sender:
        headers = user.headers

        async def post(
            self, path: str = "/things", body: Any = None, key: str = "k", headers: Any = None
        ) -> httpx.Response:
            async with httpx.AsyncClient(
                transport=transport, base_url="http://testserver", timeout=60
            ) as client:
                return await client.post(
                    f"/api/test-idempotency{path}",
                    json=body if body is not None else {"name": "a"},
                    headers={"Idempotency-Key": key, **(headers or user.headers)},
                )

        def send(self, *args: Any, **kwargs: Any) -> httpx.Response:
            return asyncio.run(self.post(*args, **kwargs))

    return Sender()


def count(host: Host, model: Any = ParkedJob) -> int:
    with host.database.session(SYSTEM, readonly=True) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def age(host: Host, **shift: timedelta) -> None:
    """Make records older, as if time had passed."""
    with host.database.session(SYSTEM) as session:
        for row in session.scalars(select(IdempotencyRecord)).all():
            for column, by in shift.items():
                setattr(row, column, getattr(row, column) - by)


def test_a_hundred_twins_at_once_make_one_row(host: Host, browser: Any) -> None:
    async def all_at_once() -> list[httpx.Response]:
        return await asyncio.gather(*(browser.post() for _ in range(100)))

    answers = asyncio.run(all_at_once())
    assert count(host) == 1
    made = [each for each in answers if each.status_code == 201]
    waiting = [each for each in answers if each.status_code == 409]
    assert len(made) + len(waiting) == 100
    assert len({each.json()["id"] for each in made}) == 1
    assert sum("idempotent-replayed" not in each.headers for each in made) == 1
    assert all(int(each.headers["retry-after"]) >= 1 for each in waiting)
    assert all("application/problem+json" in each.headers["content-type"] for each in waiting)


def test_a_repeat_gets_the_same_answer(host: Host, browser: Any) -> None:
    first, second = browser.send(), browser.send()
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["content-type"] == first.headers["content-type"]
    assert "idempotent-replayed" not in first.headers
    assert count(host) == 1


def test_another_body_or_query_under_the_key_is_refused(host: Host, browser: Any) -> None:
    browser.send()
    for answer in (browser.send(body={"name": "b"}), browser.send("/things?a=1")):
        assert answer.status_code == 422, answer.text
        assert answer.json()["code"] == "idempotency-key-reused"
    assert count(host) == 1


def test_another_path_or_key_is_another_request(host: Host, browser: Any) -> None:
    browser.send()
    assert browser.send("/secrets").status_code == 201
    assert browser.send(key="k2").status_code == 201
    assert count(host) == 3


def test_another_actor_does_not_see_the_answer(host: Host, browser: Any, make_user: Any) -> None:
    mine = browser.send()
    other = browser.send(headers=make_user().headers)
    assert other.status_code == 201
    assert other.json()["id"] != mine.json()["id"]
    assert count(host) == 2


def test_replay_at_23_hours_and_a_new_request_at_25(host: Host, browser: Any) -> None:
    first = browser.send()
    age(host, expires_at=timedelta(hours=23), lease_until=timedelta(hours=23))
    assert browser.send().json() == first.json()
    age(host, expires_at=timedelta(hours=2), lease_until=timedelta(hours=2))
    late = browser.send()
    assert late.status_code == 201
    assert "idempotent-replayed" not in late.headers
    assert late.json() != first.json()
    assert browser.send().json() == late.json()
    assert count(host) == 2
    age(host, expires_at=timedelta(hours=25))
    with host.database.session(SYSTEM) as session:
        assert store.sweep(session) == 1
    assert count(host, IdempotencyRecord) == 0


def test_a_process_that_died_at_work_leaves_a_lease_that_ends(host: Host, browser: Any) -> None:
    """The claim stands in the database and nobody ends it: as after a kill -9."""
    browser.send()
    with host.database.session(SYSTEM) as session:
        now = session.scalars(select(db_now())).one()
        session.execute(
            update(IdempotencyRecord).values(status=None, lease_until=now + store.LEASE)
        )
    answer = browser.send()
    assert answer.status_code == 409
    assert "retry-after" in answer.headers
    age(host, lease_until=store.LEASE + timedelta(seconds=1))
    assert browser.send().status_code == 201
    assert browser.send().headers["idempotent-replayed"] == "true"


def test_who_outlives_his_lease_does_not_overwrite_his_successor(host: Host, browser: Any) -> None:
    answer = browser.send()
    with host.database.session(SYSTEM) as session:
        store.finish(session, new_id(), store.Answer(status=200, headers={}, body=b"old"))
        store.release(session, new_id())
    assert browser.send().json() == answer.json()


def test_refusals_and_faults_are_not_kept(host: Host, browser: Any) -> None:
    assert browser.send(body={"nome": "a"}).status_code == 422
    assert browser.send(body={"name": "a", "fault": "refused"}).status_code == 409
    assert browser.send(body={"name": "a", "fault": "crash"}).status_code == 500
    assert count(host, IdempotencyRecord) == 0
    assert browser.send().status_code == 201
    assert count(host) == 2  # one of the crash, whose own unit of work had committed


@pytest.mark.parametrize("path", ["/secrets", "/headers"])
def test_an_answer_with_a_secret_is_never_stored(host: Host, browser: Any, path: str) -> None:
    assert browser.send(path).json()["secret"] == "hush-hush-hush"
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(IdempotencyRecord.body)).all() == [None]
    again = browser.send(path)
    assert again.status_code == 409
    assert again.json()["code"] == "idempotency-answer-not-kept"
    assert count(host) == 1


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 256, "a\x7f"])
def test_malformed_keys_are_refused(host: Host, browser: Any, key: str) -> None:
    answer = browser.send(key=key.encode())
    assert answer.status_code == 400
    assert answer.json()["code"] == "idempotency-key-malformed"
    assert count(host) == 0


def test_without_an_actor_the_application_answers(host: Host, browser: Any) -> None:
    assert browser.send(headers={"Authorization": "Bearer nobody"}).status_code == 401
    assert count(host, IdempotencyRecord) == 0


def test_strange_paths_and_large_bodies_do_no_harm(host: Host, browser: Any) -> None:
    for path in ("/%00", "/%ff%fe", "/" + "x" * 3000):
        assert browser.send(path).status_code == 404
    assert browser.send(body={"name": "x" * 2_000_000}).status_code == 413
    assert browser.send(body={"name": "x" * 17_000_000}).status_code == 413
