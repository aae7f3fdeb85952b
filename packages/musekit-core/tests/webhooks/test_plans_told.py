"""Changes of plans: whoever dies after the commit, each webhook gets one message of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.products import grants, telling, untold
from musekit.products.models import PlanChange
from musekit.products.owners import Owner
from musekit.testing.plans import grant

from .change_plan import POINTS, act, offer

SYSTEM = Actor.system("tests")
SCRIPT = str(Path(__file__).with_name("change_plan.py"))
UP = {"product": "shop", "before": "tier_1", "after": "tier_2"}
DOWN = {"product": "shop", "before": "tier_2", "after": "tier_1"}


@pytest.fixture
def heard(lab: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What plugins of this process are told."""
    offer(lab.host)
    found: list[Any] = []
    monkeypatch.setattr(
        lab.host.registry.hooks, "on_subscription_changed",
        lambda **said: found.append((list(said["space_ids"]), said["before"], said["after"])),
    )  # fmt: skip
    return found


def dies(lab: Any, what: str, point: str) -> None:
    """Change a plan in a process that dies at a point."""
    settings = lab.host.settings
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("MUSEKIT")},
        "MUSEKIT_MODE": "test", "MUSEKIT_DATA_DIR": str(settings.data_dir),
        "MUSEKIT_DATABASE_URL": settings.database_url,
        "MUSEKIT_DATABASE_SYSTEM_URL": settings.database_system_url,
        "MUSEKIT_DATABASE_OWNER_URL": settings.database_owner_url,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, SCRIPT, what, str(lab.user.user_id), point], env=environment, timeout=60,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 9, done.stderr


def told(lab: Any) -> list[dict[str, Any]]:
    """Return the data of what the receiver was told."""
    lab.deliver()
    bodies = [json.loads(each.body) for each in lab.listener.told]
    assert {each["type"] for each in bodies} <= {"subscription.changed"}
    return [each["data"] for each in bodies]


def a_minute_passes(lab: Any) -> None:
    """Have what is left untold be old enough for the job."""
    with lab.host.database.session(SYSTEM) as session:
        session.execute(update(PlanChange).values(updated_at=utc_now() - timedelta(minutes=2)))


def kept(lab: Any) -> int:
    with lab.host.database.session(SYSTEM, readonly=True) as session:
        return session.scalar(select(func.count()).select_from(PlanChange)) or 0


@pytest.mark.parametrize(
    ("what", "point"), [*(("grant", point) for point in POINTS), ("definitions", "announced")]
)
def test_killed_between_the_change_and_the_telling(
    lab: Any, heard: list[Any], what: str, point: str
) -> None:
    lab.endpoint()
    if what == "definitions":
        grant(lab.host, lab.user.space_id, "shop", "tier_2")
    dies(lab, what, point)
    assert telling.leftovers(lab.host) == 0  # whoever made the change may be about to tell
    assert told(lab) == []
    a_minute_passes(lab)
    assert telling.leftovers(lab.host) == 1
    assert telling.leftovers(lab.host) == 0
    change = UP if what == "grant" else DOWN
    assert heard == [([lab.user.space_id], change["before"], change["after"])]
    assert told(lab) == [change]
    assert kept(lab) == 0


def test_nobody_dies_and_nothing_is_left(lab: Any, heard: list[Any]) -> None:
    lab.endpoint()
    act(lab.host, "grant", lab.user.user_id)
    act(lab.host, "definitions", lab.user.user_id)
    assert told(lab) == [UP, DOWN]
    assert [each[1:] for each in heard] == [("tier_1", "tier_2"), ("tier_2", "tier_1")]
    assert kept(lab) == 0


def test_what_was_told_of_a_large_change_is_not_told_again(
    lab: Any,
    heard: list[Any],
    make_user: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Definitions move many spaces, batch by batch; the job goes on where a process has ended."""
    spaces = [lab.user.space_id, *(make_user().space_id for _ in range(3))]
    for each in spaces:
        grant(lab.host, each, "shop", "tier_2")
        lab.endpoint(space_id=each)
    monkeypatch.setattr(telling, "AT_ONCE", 1)
    settle, settled = untold.settle, []

    def settle_twice(*given: Any, **more: Any) -> bool:
        settled.append(given)
        if len(settled) == 3:
            raise ConnectionError("the database is away")
        return settle(*given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(untold, "settle", settle_twice)
        with pytest.raises(ConnectionError):
            act(lab.host, "definitions", lab.user.user_id)
    assert told(lab) == [DOWN] * 2
    a_minute_passes(lab)
    assert telling.leftovers(lab.host) == 2
    assert told(lab) == [DOWN] * 4
    assert len(lab.listener.copies()) == 4  # each space its own message, each once
    assert sorted(space for each in heard for space in each[0]) == sorted(
        [*spaces, heard[2][0][0]]
    )  # plugins hear again of the batch that was cut off
    assert kept(lab) == 0


def test_a_tier_whose_time_is_over_is_told_once(lab: Any, heard: list[Any]) -> None:
    lab.endpoint()
    assert telling.leftovers(lab.host) == 0  # from here on it is looked at
    with lab.host.database.session(SYSTEM) as session:
        owner = Owner(lab.user.user_id)
        row = grants.give(session, owner, "shop", "tier_2", ends_at=utc_now() + timedelta(days=1))
        row.ends_at = utc_now()
    assert [telling.leftovers(lab.host) for _ in range(2)] == [1, 0]
    assert heard == [([lab.user.space_id], "tier_2", "tier_1")]
    assert told(lab) == [DOWN]
    assert kept(lab) == 0


def test_of_two_at_once_one_tells(lab: Any, heard: list[Any], monkeypatch: Any) -> None:
    lab.endpoint()
    grant(lab.host, lab.user.space_id, "shop", "tier_2")
    with lab.host.database.session(SYSTEM) as session:
        key = untold.keep_spaces(session, "shop", {lab.user.space_id: "tier_1"})
    announce = telling.announce

    def slowly(*given: Any) -> None:
        announce(*given)
        with monkeypatch.context() as patched:  # meanwhile another process tells all of it
            patched.setattr(telling, "announce", announce)
            assert telling.tell(lab.host, key) == 1

    monkeypatch.setattr(telling, "announce", slowly)
    assert telling.tell(lab.host, key) == 0
    assert told(lab) == [UP]


def test_of_a_product_that_was_removed_nobody_is_told(lab: Any) -> None:
    lab.endpoint()
    with lab.host.database.session(SYSTEM) as session:
        key = untold.keep_spaces(session, "shop", {lab.user.space_id: "tier_1"})
    assert telling.tell(lab.host, key) == 0
    assert (told(lab), kept(lab)) == ([], 0)
