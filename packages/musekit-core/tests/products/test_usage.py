"""Counting use: no cap is passed, however many count at once; reservations end exactly."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from musekit.errors import LimitReachedError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import db_after
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.products import tiers, usage
from musekit.products.models import UsageCounter, UsageReservation
from musekit.products.usage import Take
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("test")
PRODUCT, DAY, MONTH = "things", "2026-11-23", "2026-11"
MakeUser = Callable[..., SignedIn]


@pytest.fixture
def ada(make_user: MakeUser) -> SignedIn:
    return make_user()


def takes(amount: int = 1, day: str = DAY) -> list[Take]:
    return [
        Take("made", "made_per_month", day[:7], amount),
        Take("made", "made_per_day", day, amount),
    ]


def actor_of(user: SignedIn) -> Actor:
    return Actor(kind="user", name="u", user_id=user.user_id, space_id=user.space_id)


def make(host: Host, user: SignedIn, amount: int = 1, day: str = DAY, *, as_system: bool = False):
    allowed = tiers.allowance(host, PRODUCT, user.space_id)
    with host.database.session(SYSTEM if as_system else actor_of(user)) as session:
        usage.take(session, user.space_id, PRODUCT, takes(amount, day), allowed)


def counts(host: Host, user: SignedIn) -> dict[str, tuple[int, int]]:
    with host.database.session(SYSTEM, readonly=True) as session:
        rows = session.scalars(
            select(UsageCounter).where(UsageCounter.space_id == user.space_id)
        ).all()
    return {row.period: (row.used, row.reserved) for row in rows if row.used or row.reserved}


@pytest.mark.parametrize("as_system", [False, True])
def test_a_cap_is_reached_and_not_passed(host: Host, ada: SignedIn, as_system: bool) -> None:
    for _ in range(5):
        make(host, ada, as_system=as_system)
    with pytest.raises(LimitReachedError) as refused:
        make(host, ada, as_system=as_system)
    assert counts(host, ada) == {DAY: (5, 0), MONTH: (5, 0)}
    told = refused.value.extra
    assert (told["limit"], told["max"], told["used"], told["period"]) == (
        "made_per_day", 5, 5, DAY,
    )  # fmt: skip
    assert told["upgrade"] == {"tier": "tier_2", "label": "More", "limit": 20}
    assert (told["tier"], told["upgrade_url"]) == ("tier_1", "/billing/plans")
    assert told["resets_at"] == "2026-11-24T00:00:00+00:00"
    make(host, ada, day="2026-11-24", as_system=as_system)


def test_waiting_is_advised_where_it_helps(host: Host, ada: SignedIn) -> None:
    today = datetime.now(UTC).date().isoformat()
    with pytest.raises(LimitReachedError) as now:
        make(host, ada, 6, today)
    assert 0 < int(now.value.headers["Retry-After"]) <= 86_400
    with pytest.raises(LimitReachedError) as then:
        make(host, ada, 6, "2031-01-01")
    assert "Retry-After" not in then.value.headers


def test_a_refusal_takes_nothing_of_either_period(host: Host, ada: SignedIn) -> None:
    for day in ("01", "02", "03", "04", "05"):
        make(host, ada, 5, f"2026-11-{day}")
    with pytest.raises(LimitReachedError) as refused:
        make(host, ada)
    assert refused.value.extra["limit"] == "made_per_month"
    assert DAY not in counts(host, ada)


def test_what_one_says_of_it(host: Host, ada: SignedIn) -> None:
    allowed = tiers.allowance(host, PRODUCT, ada.space_id)
    with pytest.raises(LimitReachedError, match="5 and 0"), \
            host.database.session(SYSTEM) as session:  # fmt: skip
        usage.take(
            session, ada.space_id, PRODUCT, [Take("made", "made_per_day", DAY, 6)], allowed,
            message=lambda take, used: f"{allowed.limit(take.limit)} and {used}",
        )  # fmt: skip
    with pytest.raises(LimitReachedError), host.database.session(SYSTEM) as session:
        usage.take(session, ada.space_id, PRODUCT, [Take("x", "unnamed", DAY)], allowed)
    with pytest.raises(ValueError, match="1 or more"), host.database.session(SYSTEM) as session:
        usage.take(session, ada.space_id, PRODUCT, takes(0), allowed)


def test_no_cap_is_passed_by_many_at_once(host: Host, ada: SignedIn) -> None:
    for _ in range(4):
        make(host, ada)
    outcomes: list[str] = []
    gate = threading.Barrier(20)

    def many() -> None:
        gate.wait()
        for _ in range(10):
            try:
                make(host, ada)
                outcomes.append("made")
            except LimitReachedError:
                outcomes.append("refused")

    threads = [threading.Thread(target=many) for _ in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (outcomes.count("made"), outcomes.count("refused")) == (1, 199)
    assert counts(host, ada) == {DAY: (5, 0), MONTH: (5, 0)}


def test_giving_back_goes_to_0_and_no_further(host: Host, ada: SignedIn) -> None:
    make(host, ada, 3)
    with host.database.session(actor_of(ada)) as session:
        usage.give_back(session, ada.space_id, PRODUCT, takes(2))
    assert counts(host, ada) == {DAY: (1, 0), MONTH: (1, 0)}
    with host.database.session(actor_of(ada)) as session:
        usage.give_back(session, ada.space_id, PRODUCT, takes(5))
        assert usage.used(session, ada.space_id, PRODUCT, "made", [DAY, "2026-12"]) == {
            DAY: 0, "2026-12": 0,
        }  # fmt: skip
    assert counts(host, ada) == {}


def move(host: Host, user: SignedIn, before: str, after: str) -> None:
    allowed = tiers.allowance(host, PRODUCT, user.space_id)
    with host.database.session(actor_of(user)) as session:
        usage.move(session, user.space_id, PRODUCT, takes(1, after), allowed, back=takes(1, before))


def test_what_is_put_off_within_a_month_stays_in_its_count(host: Host, ada: SignedIn) -> None:
    make(host, ada, 4)
    with host.database.session(SYSTEM) as session:  # as after a downgrade
        session.execute(update(UsageCounter).where(UsageCounter.period == MONTH).values(used=30))
    move(host, ada, DAY, "2026-11-24")
    assert counts(host, ada) == {DAY: (3, 0), "2026-11-24": (1, 0), MONTH: (30, 0)}
    move(host, ada, DAY, DAY)
    assert counts(host, ada)[DAY] == (3, 0)
    move(host, ada, DAY, "2026-12-01")
    assert counts(host, ada)[MONTH] == (29, 0)
    with pytest.raises(LimitReachedError):
        move(host, ada, "2026-12-01", DAY)  # there is no room in November
    assert counts(host, ada)["2026-12"] == (1, 0)


def test_moves_to_and_fro_wait_for_none_that_waits_for_them(host: Host, ada: SignedIn) -> None:
    days = "2026-11-01", "2026-12-01"
    for day in days:
        make(host, ada, 2, day)
    gate, faults = threading.Barrier(8), []

    def many(number: int) -> None:
        before, after = days if number % 2 else days[::-1]
        gate.wait()
        for _ in range(10):
            try:
                move(host, ada, before, after)
            except LimitReachedError:
                pass
            except Exception as error:  # a deadlock
                faults.append(error)

    threads = [threading.Thread(target=many, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert faults == []
    found = counts(host, ada)
    assert sum(found.get(day, (0, 0))[0] for day in days) >= 4  # below 0 none went


def test_unlimited_is_counted_without_a_cap(host: Host, ada: SignedIn) -> None:
    allowed = tiers.Allowance(tier=tiers.definitions(host, PRODUCT)[-1], upgrade=None)
    with host.database.session(SYSTEM) as session:
        for _ in range(2):
            usage.take(session, ada.space_id, PRODUCT, takes(10**9), allowed)
    assert counts(host, ada)[DAY] == (2 * 10**9, 0)


def test_nobody_counts_for_others(host: Host, ada: SignedIn, make_user: MakeUser) -> None:
    from musekit.errors import TenancyError

    other = make_user()
    allowed = tiers.allowance(host, PRODUCT, ada.space_id)
    with pytest.raises(TenancyError), host.database.session(actor_of(other)) as session:
        usage.take(session, ada.space_id, PRODUCT, takes(), allowed)
    make(host, ada, 2)
    with host.database.session(actor_of(other)) as session:
        usage.give_back(session, ada.space_id, PRODUCT, takes())
        assert usage.used(session, ada.space_id, PRODUCT, "made", [DAY]) == {DAY: 0}
    assert counts(host, ada)[DAY] == (2, 0)


def reserve(host: Host, user: SignedIn, amount: int = 1, seconds: float = 60):
    allowed = tiers.allowance(host, PRODUCT, user.space_id)
    with host.database.session(actor_of(user)) as session:
        return usage.reserve(
            session, user.space_id, PRODUCT, takes(amount), allowed, seconds=seconds
        )


def test_reserved_work_counts_towards_the_cap(host: Host, ada: SignedIn) -> None:
    name = reserve(host, ada, 4)
    assert counts(host, ada) == {DAY: (0, 4), MONTH: (0, 4)}
    make(host, ada)
    with pytest.raises(LimitReachedError):
        make(host, ada)
    with pytest.raises(LimitReachedError):
        reserve(host, ada)
    with host.database.session(actor_of(ada)) as session:
        assert usage.commit(session, name, actual=2)
        assert not usage.commit(session, name)  # once
        usage.release(session, name)
    assert counts(host, ada) == {DAY: (3, 0), MONTH: (3, 0)}


def test_what_is_released_is_free_again(host: Host, ada: SignedIn) -> None:
    name = reserve(host, ada, 5)
    with host.database.session(actor_of(ada)) as session:
        usage.release(session, name)
        usage.release(session, name)
        assert not usage.commit(session, name)
    assert counts(host, ada) == {}
    make(host, ada, 5)


def test_what_expires_is_given_back_and_work_that_was_late_still_counts(
    host: Host, ada: SignedIn
) -> None:
    late, gone, live = (reserve(host, ada, seconds=each) for each in (0, 0, 60))
    with host.database.session(SYSTEM) as session:
        assert usage.sweep(session) == 2
        assert usage.sweep(session) == 0
    assert counts(host, ada) == {DAY: (0, 1), MONTH: (0, 1)}
    with host.database.session(actor_of(ada)) as session:
        assert not usage.commit(session, late, actual=3)
        usage.release(session, gone)
        assert usage.commit(session, live)
    assert counts(host, ada) == {DAY: (4, 0), MONTH: (4, 0)}


def test_a_day_after_its_expiry_a_reservation_is_forgotten(host: Host, ada: SignedIn) -> None:
    name = reserve(host, ada, seconds=0)
    with host.database.session(SYSTEM) as session:
        usage.sweep(session)
        session.execute(update(UsageReservation).values(expires_at=db_after(-90_000)))
        usage.sweep(session)
        assert session.get(UsageReservation, name) is None
    with host.database.session(actor_of(ada)) as session:
        assert not usage.commit(session, name)
    assert counts(host, ada) == {}


def test_a_reservation_is_of_one_metric(host: Host, ada: SignedIn) -> None:
    allowed = tiers.allowance(host, PRODUCT, ada.space_id)
    mixed = [Take("made", "made_per_day", DAY), Take("sold", "made_per_day", DAY)]
    with pytest.raises(ValueError, match="one metric"), host.database.session(SYSTEM) as session:
        usage.reserve(session, ada.space_id, PRODUCT, mixed, allowed, seconds=1)


def test_80_percent_is_noted(host: Host, ada: SignedIn) -> None:
    make(host, ada)
    with host.database.session(SYSTEM, readonly=True) as session:
        rows = session.scalars(select(UsageCounter)).all()
    assert {row.period: row.warn_at for row in rows} == {DAY: 4, MONTH: 20}


@pytest.mark.parametrize(
    ("period", "zone", "end"),
    [
        ("2026-11-23", "UTC", "2026-11-24T00:00:00+00:00"),
        ("2026-12-31", "Pacific/Auckland", "2026-12-31T11:00:00+00:00"),
        ("2026-03-29", "Europe/Berlin", "2026-03-29T22:00:00+00:00"),
        ("2026-02", "UTC", "2026-03-01T00:00:00+00:00"),
        ("2026-12", "America/New_York", "2027-01-01T05:00:00+00:00"),
    ],
)
def test_when_a_period_is_over(period: str, zone: str, end: str) -> None:
    assert usage.resets_at(period, zone).isoformat() == end
    just_before = datetime.fromisoformat(end).timestamp() - 1
    assert period in usage.periods(zone, datetime.fromtimestamp(just_before, UTC))


STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "reserve", "commit", "release", "expire", "back"]),
              st.integers(1, 3), st.integers(0, 3)),
    max_size=25,
)  # fmt: skip


@settings(
    max_examples=25, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(steps=STEPS)
def test_any_order_of_steps_ends_exact(
    host: Host, ada: SignedIn, steps: list[tuple[str, int, int]]
) -> None:
    """Beside a model: numbers in Python. What is committed beyond its reserve may pass the cap."""
    with host.database.session(SYSTEM) as session:
        session.execute(delete(UsageCounter))
        session.execute(delete(UsageReservation))
    used, open_, expired = 0, {}, {}
    allowed = tiers.Allowance(tier=tiers.definitions(host, PRODUCT)[0], upgrade=None)
    one = lambda amount: [Take("made", "made_per_day", DAY, amount)]  # noqa: E731
    for what, amount, actual in steps:
        fits = used + sum(open_.values()) + amount <= 5
        with host.database.session(SYSTEM) as session:
            if what in ("take", "reserve"):
                try:
                    if what == "take":
                        usage.take(session, ada.space_id, PRODUCT, one(amount), allowed)
                        used += amount
                    else:
                        name = usage.reserve(
                            session, ada.space_id, PRODUCT, one(amount), allowed, seconds=600
                        )
                        open_[name] = amount
                    assert fits
                except LimitReachedError:
                    assert not fits
            elif what == "back":
                usage.give_back(session, ada.space_id, PRODUCT, one(amount))
                used = max(0, used - amount)
            elif what == "expire" and open_:
                name = next(iter(open_))
                session.execute(
                    update(UsageReservation)
                    .where(UsageReservation.id == name)
                    .values(expires_at=db_after(-1))
                )
                assert usage.sweep(session) == 1
                expired[name] = open_.pop(name)
            elif what in ("commit", "release") and (open_ or expired):
                held = bool(open_)
                name = next(iter(open_ or expired))
                (open_ if held else expired).pop(name)
                if what == "commit":
                    assert usage.commit(session, name, actual=actual) == held
                    used += actual
                else:
                    usage.release(session, name)
    found = counts(host, ada).get(DAY, (0, 0))
    assert found == (used, sum(open_.values()))


def test_a_name_nobody_gave_changes_nothing(host: Host, ada: SignedIn) -> None:
    with host.database.session(SYSTEM) as session:
        assert not usage.commit(session, new_id(), actual=3)
        usage.release(session, new_id())
    assert counts(host, ada) == {}
