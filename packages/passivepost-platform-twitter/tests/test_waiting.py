"""How long X asks to wait, which it says by a clock of its own."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from passivepost_platform_twitter import client


@pytest.mark.parametrize("ahead", [0, 300, -300])
def test_the_wait_is_taken_from_the_answer_and_not_from_our_clock(ahead):
    """Else a clock of ours that is ahead would call before X listens again."""
    its = int(time.time()) + ahead
    headers = {"date": formatdate(its, usegmt=True), "x-rate-limit-reset": str(its + 900)}
    assert client._wait(headers) == 900


@pytest.mark.parametrize("date", [{}, {"date": ""}, {"date": "yesterday"}])
def test_without_a_date_our_clock_has_to_do(date):
    waits = client._wait({**date, "x-rate-limit-reset": str(time.time() + 900)})
    assert 899 <= waits <= 900


def test_a_time_that_is_over_is_no_wait_and_none_is_none():
    assert client._wait({"x-rate-limit-reset": "1"}) == 0
    assert client._wait({}) is None
    assert client._wait({"x-rate-limit-reset": "soon"}) is None
