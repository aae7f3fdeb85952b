"""Requests that cost little to send: they hold the event loop for 50 ms at most (D29).

While it is held nobody else is answered. What holds it does so each time, and a collection of
garbage, say, does not: so the shortest of a few tries counts.
"""

import socket
from urllib.parse import urlsplit

import pytest
from tests.badinput.attacks import attacks
from tests.badinput.blocking import Watched
from tests.isolation.deployment import running
from tests.isolation.world import browser

MOST = 0.050  #: seconds
TRIES = 4


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A deployment whose event loop is watched, and somebody in it."""
    layers = []

    def wrap(app):
        layers.append(Watched(app))
        return layers[0]

    with running("sqlite", tmp_path_factory.mktemp("watched"), wrap=wrap) as world:
        world.add("me")
        yield world, layers[0]


def sent(world, attack):
    """Send it; return the status of the (first) answer, or 0 where the server hung up."""
    target = urlsplit(world.url)
    raw = attack.raw(target.netloc, browser(world.people["me"]))
    with socket.create_connection((target.hostname, target.port), timeout=20) as connection:
        try:
            connection.sendall(raw)
            answer = connection.recv(65536)
            seen = answer.count(b"HTTP/1.1 ")
            while seen < attack.times and (more := connection.recv(65536)):
                seen += more.count(b"HTTP/1.1 ")
        except (BrokenPipeError, ConnectionResetError):
            return 0  # refused before all of it was there
    return int(answer.split(b" ", 2)[1]) if answer else 0


@pytest.fixture(params=attacks(), ids=lambda each: each.name.replace(" ", "-"))
def attack(request):
    return request.param


def test_the_loop_goes_on(watched, attack):
    world, layer = watched
    holds = []
    while len(holds) < TRIES and (not holds or min(holds) > MOST):
        world.forget_limits()
        layer.taken()
        status = sent(world, attack)
        assert status < 500, status
        holds.append(layer.taken())
    assert min(holds) <= MOST, [round(each, 3) for each in holds]


def test_the_beat_notices(watched):
    """The control: a handler that computes on the loop for 80 ms is seen."""
    import asyncio
    import time

    world, layer = watched

    async def compute():
        end = time.thread_time() + 0.08
        while time.thread_time() < end:
            pass

    world.http.get(f"{world.url}/healthz")
    layer.taken()
    asyncio.run_coroutine_threadsafe(compute(), layer._task.get_loop()).result(10)
    world.http.get(f"{world.url}/healthz")
    assert layer.taken() > MOST


def test_there_are_many():
    assert len(attacks()) >= 40
    assert len({each.name for each in attacks()}) == len(attacks())
