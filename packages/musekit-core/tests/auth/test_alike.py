"""Nobody learns from an answer, or from its time, who has an account here (D17)."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import select
from starlette.testclient import TestClient

from musekit.auth.models import OneTimeLink
from musekit.auth.reset import send_asked
from musekit.auth.settings import AuthSettings
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")
KNOWN, UNKNOWN = "known@example.com", "unknwn@example.com"
WRONG = "not the password of anybody"
PAIRS = 1000
#: Enough to find a hash that is not computed, or a mail that is written on the way.
FEW = 40
#: Below it two lots of times are told apart.
LEAST_P = 0.01
MakeUser = Callable[..., SignedIn]


@pytest.fixture(params=["sqlite"])
def backend(request: pytest.FixtureRequest) -> str:
    """The time of the database is the same for both."""
    return str(request.param)


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody with very many addresses."""
    for name in ("SIGN_IN_PAIR", "SIGN_IN_ADDRESS", "SIGN_IN_MAILBOX", "RESET_ADDRESS",
                 "RESET_MAILBOX", "WRITES", "PUBLIC"):  # fmt: skip
        monkeypatch.setenv(f"MUSEKIT_LIMIT_{name}", "900000000/60")


def told_apart(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the p of the Mann-Whitney test, two-sided: how likely such times are if alike."""
    ranked = sorted([(each, 0) for each in first] + [(each, 1) for each in second])
    total = sum(rank for rank, (_, lot) in enumerate(ranked, 1) if lot == 0)
    n, m = len(first), len(second)
    expected, spread = n * (n + m + 1) / 2, math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(total - expected) / spread / math.sqrt(2))


def test_the_judge_can_tell() -> None:
    draw = random.Random(7)  # noqa: S311 - no secret
    one = [draw.gauss(30, 3) for _ in range(PAIRS)]
    alike = [draw.gauss(30, 3) for _ in range(PAIRS)]
    later = [draw.gauss(30.6, 3) for _ in range(PAIRS)]
    assert told_apart(one, alike) > LEAST_P > told_apart(one, later)


def measured(ask: Callable[[str], None], pairs: int) -> float:
    """Ask for both by turns, in an order that is drawn; return the p of `told_apart`."""
    times: dict[str, list[float]] = {KNOWN: [], UNKNOWN: []}
    for _ in range(5):
        ask(KNOWN)
        ask(UNKNOWN)
    for _ in range(pairs):
        for email in random.sample((KNOWN, UNKNOWN), 2):
            before = time.perf_counter()
            ask(email)
            times[email].append(time.perf_counter() - before)
    return told_apart(times[KNOWN], times[UNKNOWN])


@pytest.mark.parametrize("pairs", [
    pytest.param(FEW, id="few"), pytest.param(PAIRS, id="many", marks=pytest.mark.slow),
])  # fmt: skip
@pytest.mark.parametrize("what", ["sign-in", "forgot"])
def test_the_time_tells_nothing(
    client: TestClient, make_user: MakeUser, what: str, pairs: int
) -> None:
    make_user(KNOWN)
    client.cookies.clear()

    def ask(email: str) -> None:
        body = {"email": email} | ({"password": WRONG} if what == "sign-in" else {})
        status = client.post(f"/api/auth/{what}", json=body).status_code
        assert status == (401 if what == "sign-in" else 202)

    # One lot in a hundred is told apart though it is alike: then another decides.
    assert measured(ask, pairs) > LEAST_P or measured(ask, pairs) > LEAST_P


def test_the_answers_are_the_same(client: TestClient, make_user: MakeUser) -> None:
    make_user(KNOWN)
    for path, more in (("sign-in", {"password": WRONG}), ("forgot", {})):
        answers = [
            client.post(f"/api/auth/{path}", json={"email": email} | more)
            for email in (KNOWN, UNKNOWN)
        ]
        bodies = [(each.json() or {}) for each in answers]
        for body in bodies:
            body.pop("request_id", None)
            body.pop("instance", None)
        assert answers[0].status_code == answers[1].status_code
        assert bodies[0] == bodies[1]
        assert answers[0].headers.keys() == answers[1].headers.keys()


def test_links_work_once_for_an_hour_at_most(
    host: Host, client: TestClient, make_user: MakeUser
) -> None:
    make_user(KNOWN)
    client.post("/api/auth/forgot", json={"email": KNOWN})
    send_asked(host)
    with host.database.session(SYSTEM, readonly=True) as session:
        row = session.scalars(
            select(OneTimeLink).where(OneTimeLink.purpose == "reset_password")
        ).one()
    assert row.expires_at - row.created_at <= timedelta(hours=1)
    assert len(row.token_hash) == 32  # SHA-256: the link itself is nowhere
    with pytest.raises(ValidationError):
        AuthSettings(reset_minutes=61)
