"""A deployment whose logs are caught, and a network that says in errors what it was told."""

import io
import logging

import pytest
import structlog
from tests.isolation.deployment import running
from tests.isolation.world import CRON_SECRET
from tests.secrets.canaries import Canaries
from tests.secrets.visiting import Visitor

from musekit.kernel import logs


@pytest.fixture(scope="module")
def log():
    """Everything that is logged, as production writes it, but all of it."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    out = io.StringIO()
    logs.configure("json", "DEBUG", out)
    yield out
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def world(request, log, tmp_path_factory):
    admin = request.getfixturevalue("postgres_admin_url") if request.param == "postgres" else None
    with running(request.param, tmp_path_factory.mktemp("world"), admin) as made:
        yield made


@pytest.fixture(scope="module")
def canaries(world):
    kept = Canaries()
    kept.keep("cron secret", CRON_SECRET)
    key = world.host.keyring.subkey("tests").hex()
    kept.keep("key", key)
    return kept


@pytest.fixture(scope="module")
def me(world, canaries):
    person = world.add("me")
    canaries.keep("session", person.secret)
    canaries.keep("token", person.token)
    return person


@pytest.fixture
def visitor(world, me):
    return Visitor(world, me)
