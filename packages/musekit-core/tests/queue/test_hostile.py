"""C40: whoever can write to the store cannot run code in a worker, nor stop it."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from musekit.kernel.queue.messages import LIMIT, MessageError, decode, make_message
from musekit.kernel.queue.models import ParkedJob

from .conftest import SYSTEM, World, wait_for


class Bomb:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return (os.system, (f"touch {self.file}",))


def message(**changes: Any) -> bytes:
    return json.dumps({"v": 1, "job": "a", "ids": {}, "attempt": 1, **changes}).encode()


def hostile(bomb: Path) -> list[bytes]:
    from huey.registry import Message

    stock = Message("1", "queuecmd_a", None, 0, 0, None, (Bomb(bomb),), {}, None, None, None, None)
    return [
        pickle.dumps(Bomb(bomb)), pickle.dumps(stock, 0), pickle.dumps(Bomb(bomb), 0),
        b"", b"\0", b"\xff" * 100, b"null", b"[]", b"{}", b'"a"', b"{" * 10_000, b"[" * 16_000,
        b"x" * 50_000_000, message(ids={"x": "y" * LIMIT}),
        message(v=2), message(job=None), message(job="A b"), message(job="../a"), message(job=[]),
        message(job="a" * 101), message(ids=[]), message(ids={"a": {}}), message(ids={"a": [1]}),
        message(attempt=0), message(attempt="1"), message(attempt=10**9), message(attempt=True),
        message(ids=None), message()[:-1], message() + b"x", b"\xef\xbb\xbf" + b"{]",
    ]  # fmt: skip


def test_hostile_messages_are_never_executed_and_the_worker_lives(
    world: World, tmp_path: Path
) -> None:
    from datetime import UTC, datetime

    bomb = tmp_path / "executed"
    world.job("a")
    storage = world.host.broker.queue.storage
    bad = hostile(bomb)
    for data in bad:
        storage.enqueue(data)
        if data:
            storage.add_to_schedule(data, datetime.now(UTC))
    world.work()
    world.host.broker.enqueue("a", last=True)
    wait_for(lambda: world.runs, 30)
    wait_for(lambda: storage.queue_size() == 0 and storage.schedule_size() == 0, 30)
    assert [run.ids for run in world.runs] == [{"last": True}]
    assert not bomb.exists()
    with world.host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalar(select(func.count()).select_from(ParkedJob)) == 0


@pytest.mark.parametrize("number", range(31))
def test_the_decoder_refuses_each_of_them(number: int, tmp_path: Path) -> None:
    bad = hostile(tmp_path / "executed")
    assert len(bad) == 31
    with pytest.raises(MessageError):
        decode(bad[number])


def test_stock_pickle_would_have_executed(tmp_path: Path) -> None:
    """The payload is a real one: without our own decoding it runs."""
    bomb = tmp_path / "executed"
    pickle.loads(hostile(bomb)[0])
    assert bomb.exists()


def test_a_replayed_message_rings_again_and_finds_the_work_done(world: World) -> None:
    """A bell carries no work: what it finds is claimed in the database, once."""
    claimed: list[str] = []
    open_rows = {"1"}

    def claim(run: Any) -> None:
        row = str(run.ids["row"])
        if row in open_rows:
            open_rows.discard(row)
            claimed.append(row)

    world.job("a", claim)
    world.settings.worker_threads = 1
    data = make_message("a", {"row": 1}).encode()
    for _ in range(20):
        world.host.broker.queue.storage.enqueue(data)
    world.work()
    wait_for(lambda: len(world.runs) == 20)
    assert claimed == ["1"]


def test_ids_only() -> None:
    for wrong in ({"a": []}, {"a": {}}, {"a": b"x"}, {"a": object()}):
        with pytest.raises(TypeError):
            make_message("a", wrong)
    for name in ("", "A", "a b", "a" * 101, "ä"):
        with pytest.raises(ValueError, match="job"):
            make_message(name, {})
    with pytest.raises(MessageError):
        make_message("a", {"text": "x" * LIMIT}).encode()
