"""How long the network asks to wait, in each style, whatever our clock says."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from passivepost_platform_sandbox import client

STYLES = {
    "retry-after": lambda its: {"retry-after": "900"},
    "http-date": lambda its: {"retry-after": formatdate(its + 900, usegmt=True)},
    "x-rate-limit-reset": lambda its: {"x-rate-limit-reset": str(its + 900)},
    "ratelimit-reset": lambda its: {"ratelimit-reset": "900"},
}


@pytest.mark.parametrize("ahead", [0, 300, -300])
@pytest.mark.parametrize("style", STYLES)
def test_the_wait_is_the_networks_own(style, ahead):
    its = int(time.time()) + ahead
    date = {"date": formatdate(its, usegmt=True)}
    assert client._retry_after({**date, **STYLES[style](its)}) == 900


def test_what_is_not_said_or_not_understood_is_none():
    assert client._retry_after({}) is None
    assert client._retry_after({"retry-after": "soon"}) is None
    assert client._retry_after({"x-rate-limit-reset": "1"}) == 0
