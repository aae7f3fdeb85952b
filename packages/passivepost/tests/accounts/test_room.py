"""A plan's limit of platforms holds also for two that are connected at the same moment."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from musekit.api import Actor, LimitReachedError, Tier
from passivepost.accounts import service
from passivepost.api import Credentials, Identity
from passivepost.tiers import Allowance

ONE = Allowance(
    tier=Tier(product="passive-post", key="tier_1", label="Free", rank=1, limits={"platforms": 1}),
    upgrade=None,
)


@pytest.fixture
def storing(host, user):
    """Store a connection in a unit of work that stays open for a while."""

    actor = Actor(kind="user", name="tests", user_id=user.user_id, space_id=user.space_id)

    def run(name, seconds=0.0):
        with host.database.session(actor) as session:
            service.store_connection(
                session, host, actor, SimpleNamespace(name=name, label=name),
                identity=Identity(platform_user_id=name, username=name, display_name=name),
                credentials=Credentials(
                    access_token="sample", expires_at=datetime.now(UTC) + timedelta(days=1)
                ),
                allowed=ONE,
            )  # fmt: skip
            time.sleep(seconds)

    return run


def test_the_second_waits_and_finds_no_room(host, user, storing):
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(storing, "sandbox", 1.0)
        time.sleep(0.4)  # stored, not committed
        second = pool.submit(storing, "elsewhere")
        assert first.result() is None
        with pytest.raises(LimitReachedError, match="allows 1 connected"):
            second.result()


def test_a_refusal_says_which_limit_and_what_helps(host, user, storing):
    more = Tier(product="passive-post", key="tier_2", label="More", rank=2, limits={"platforms": 8})
    storing("sandbox")
    with (
        pytest.raises(LimitReachedError) as refused,
        host.database.session(Actor.system("tests")) as session,
    ):
        service.check_room(
            session, SimpleNamespace(name="elsewhere"), Allowance(tier=ONE.tier, upgrade=more)
        )
    assert refused.value.extra == {
        "limit": "platforms", "max": 1, "used": 1, "tier": "tier_1", "resets_at": None,
        "upgrade": {"tier": "tier_2", "label": "More", "limit": 8},
        "upgrade_url": "/billing/plans",
    }  # fmt: skip
