"""One deployment per database for the whole matrix."""

import pytest
from tests.isolation.deployment import running


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def world(request, tmp_path_factory):
    admin = request.getfixturevalue("postgres_admin_url") if request.param == "postgres" else None
    with running(request.param, tmp_path_factory.mktemp("world"), admin) as made:
        made.add("victim")
        made.add("stranger")
        yield made
