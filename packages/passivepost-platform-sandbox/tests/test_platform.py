"""The sandbox platform against the sandbox network over HTTP: the contract."""

import asyncio
from uuid import uuid4

import pytest

from passivepost.api import Account, Credentials, Delivery, Feature, Media, Part, Publish, Rejected
from passivepost.api import Content as PostContent
from passivepost.testing import Accepted, Fault, HttpxClient, PlatformContract
from passivepost_platform_sandbox.platform import make_platform
from passivepost_platform_sandbox.settings import SandboxSettings


class Server:
    """The network, as the contract wants it."""

    RULES = {
        Fault.RATE_LIMIT: {"fault": "rate_limit"},
        Fault.EXPIRED: {"fault": "expired"},
        Fault.REVOKED: {"fault": "revoked"},
        Fault.REJECT: {"fault": "reject"},
        Fault.DUPLICATE: {"fault": "duplicate", "always": True},
        Fault.REDIRECT: {"fault": "redirect"},
        Fault.ERROR_AFTER_ACCEPT: {"fault": "accept_then_500"},
        Fault.CUT_AFTER_ACCEPT: {"fault": "accept_then_reset"},
    }

    def __init__(self, net):
        self.net = net
        self.url = net.url

    def arm(self, fault, *, skip=0, retry_after=30.0):
        self.net.faults({**self.RULES[fault], "times": 1, "skip": skip, "retry_after": retry_after})

    def accepted(self):
        self.net.server.network.faults.limited.clear()  # a limit told to the contract is over
        rows = self.net.server.network.store.submit(
            lambda db: db.execute("SELECT * FROM posts ORDER BY id").fetchall()
        )
        return [
            Accepted(
                id=str(row["id"]),
                text=row["text"],
                key=row["key"],
                reply_to=str(row["reply_to"]) if row["reply_to"] else None,
                live=row["deleted_at"] is None,
            )
            for row in rows.result()
        ]


class TestSandbox(PlatformContract):
    @pytest.fixture
    def server(self, net):
        return Server(net)

    @pytest.fixture
    def platform(self, server):
        return make_platform(SandboxSettings(), server.url)

    @pytest.fixture
    def account(self, net):
        made = net.http.post("/accounts", json={"usernames": ["juniper"]}).json()["items"][0]
        return Account(
            id=uuid4(),
            platform_user_id=made["id"],
            username="juniper",
            credentials=Credentials(
                access_token=made["access_token"], refresh_token=made["refresh_token"]
            ),
        )

    def test_media_is_uploaded_once_and_goes_with_its_part(self, rig, net):
        async def load():
            return b"\x89PNG fake"

        media = Media(url="x", mime="image/png", size=9, alt="a loaf", load=load)
        content = PostContent(parts=(Part(text="one", media=(media,)), Part(text="two")))

        async def go():
            async with HttpxClient() as http:
                call = rig.call(http, "", progress={})
                facts = {name: getattr(call, name) for name in call.__slots__}
                facts["content"] = content
                noted = await rig.platform.prepare(Publish(**facts))
                noted = await rig.platform.prepare(Publish(**{**facts, "progress": noted}))
                return await rig.platform.publish(Publish(**{**facts, "progress": noted}))

        done = asyncio.run(go())
        assert len(net.ledger(kind="media", accepted=1)) == 1
        first, second = (net.http.get(f"/posts/{each}").text for each in done.ids)
        assert 'alt="a loaf"' in first
        assert 'alt="a loaf"' not in second

    def test_media_gone_is_a_rejection(self, rig, server, net):
        net.faults({"fault": "media_gone", "times": 1})
        rig.attempt("x").raised(Rejected, why="a medium is gone")


class TestBlindSandbox(TestSandbox):
    """The same, declared as a network with no keys and no read-back."""

    @pytest.fixture
    def platform(self, server):
        settings = SandboxSettings(idempotency="none", read_back=False)
        platform = make_platform(settings, server.url)
        assert Feature.FIND_PUBLISHED not in platform.features
        assert platform.delivery == Delivery(
            idempotency="none",
            read_back="no",
            duplicate_signal="none",
            refresh="rotating",
            longest_call=20,
        )
        return platform
