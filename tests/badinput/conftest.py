"""One deployment per database for all of these tests, and somebody in it who may do everything."""

import pytest
from tests.badinput.judging import Judge
from tests.isolation.deployment import running
from tests.isolation.things.accounts import account


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def world(request, tmp_path_factory):
    admin = request.getfixturevalue("postgres_admin_url") if request.param == "postgres" else None
    with running(request.param, tmp_path_factory.mktemp("world"), admin) as made:
        yield made


@pytest.fixture(scope="session")
def somebody(world):
    return world.add("me")


@pytest.fixture
def me(world, somebody):
    """Somebody who is signed in, whatever the test before has led to."""
    world.forget_limits()
    world.sign_in(somebody)
    return somebody


@pytest.fixture
def judge(world, me):
    account(world, me)
    world.forget_limits()
    return Judge(world, me)
