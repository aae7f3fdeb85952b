"""One deployment per database, and somebody signed in who may do everything."""

import pytest
from tests.isolation.deployment import running


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def world(request, tmp_path_factory):
    admin = request.getfixturevalue("postgres_admin_url") if request.param == "postgres" else None
    with running(request.param, tmp_path_factory.mktemp("world"), admin) as made:
        yield made


@pytest.fixture(scope="module")
def me(world):
    return world.add("me")
