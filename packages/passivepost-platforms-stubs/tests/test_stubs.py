"""Declared networks: whole facts, an honest reason, and no way to connect or post."""

import pytest

from passivepost.accounts.registry import platforms_of
from passivepost.api import Credentials, Feature, NotAvailable
from passivepost.testing import FactsContract, HttpxClient
from passivepost_platforms_stubs.networks import NETWORKS, make_platforms

NAMES = {"instagram", "youtube", "tiktok", "reddit", "pinterest", "snapchat", "discord"}


@pytest.fixture(params=make_platforms(), ids=lambda each: each.name)
def stub(request):
    return request.param


class TestFacts(FactsContract):
    is_stub = True

    @pytest.fixture
    def platform(self, stub):
        return stub

    # What a network can take is declared; that we can do it is not.
    def test_limits_make_sense(self, platform):
        assert platform.features == frozenset()
        assert platform.capabilities.text.limit > 0
        assert Feature.MEDIA not in platform.features

    def test_the_shape_of_its_sign_in_is_whole(self, stub):
        assert stub.oauth.authorize_url.startswith("https://")
        assert stub.oauth.token_url.startswith("https://")
        assert stub.oauth.scopes


def test_the_seven_are_there():
    assert {network.name for network in NETWORKS} == NAMES


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_nothing_can_be_done_with_them(stub):
    async with HttpxClient() as http:
        with pytest.raises(NotImplementedError):
            await stub.identify(http, Credentials(access_token="x"))
        with pytest.raises(NotImplementedError):
            await stub.refresh(http, Credentials(access_token="x"))
        assert http.requests == []


def test_the_api_says_not_available_and_schedules_nothing(client, make_user):
    user = make_user()
    for name in NAMES:
        for path, body in (
            ("/api/social/connect", {"platform": name}),
            ("/api/social/posts", {"platform": name, "content": "hello"}),
        ):
            answer = user.client.post(
                path, json=body, headers={"Authorization": f"Bearer {user.token}"}
            )
            assert answer.status_code == 422, answer.text
            assert "not available yet" in answer.json()["detail"]


def test_a_stub_steps_aside_for_a_real_package(host):
    from passivepost.accounts.registry import Platforms

    class Registry:
        def __init__(self, real):
            self.real = real

        def __getattr__(self, name):
            return getattr(self.real, name)

        def collect(self, spec, **arguments):
            found = self.real.collect(spec, **arguments)
            return [*found, ("passivepost_platform_sandbox", Instagram())]

    sandbox = platforms_of(host).get("sandbox")

    class Instagram(type(sandbox)):
        name, label = "instagram", "Instagram"

        def __init__(self):
            vars(self).update(vars(sandbox))

    assert isinstance(platforms_of(host).get("instagram").connection, NotAvailable)
    real = host.registry
    host.registry = Registry(real)
    try:
        merged = Platforms(host)
    finally:
        host.registry = real
    assert not merged.get("instagram").stub
    assert [each.name for each in merged.all()].count("instagram") == 1
    assert merged.usable("instagram").label == "Instagram"
