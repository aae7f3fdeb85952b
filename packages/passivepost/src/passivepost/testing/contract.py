"""What every platform must do, as a pytest class to subclass."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import uuid4

import pytest

from passivepost.sdk.content import Account, Credentials, Feature
from passivepost.sdk.errors import (
    AuthExpired,
    AuthRevoked,
    Duplicate,
    OutcomeUnknown,
    PlatformError,
    Rejected,
    Retryable,
)
from passivepost.sdk.http import Interrupted, NotSent
from passivepost.sdk.platform import Platform
from passivepost.testing.client import CutOff, Unreachable
from passivepost.testing.facts import FactsContract
from passivepost.testing.rig import Rig, expect, fail, stored
from passivepost.testing.server import Fault, Server

MAPPING: dict[Fault, tuple[type[Exception], ...]] = {
    Fault.RATE_LIMIT: (Retryable,),
    Fault.EXPIRED: (AuthExpired,),
    Fault.REVOKED: (AuthRevoked,),
    Fault.REJECT: (Rejected,),
    Fault.DUPLICATE: (Duplicate,),
    Fault.ERROR_AFTER_ACCEPT: (OutcomeUnknown,),
    Fault.CUT_AFTER_ACCEPT: (Interrupted, OutcomeUnknown),
}


class PlatformContract(FactsContract):
    """Subclass it as ``class TestMine(PlatformContract)`` with fixtures `server` and `platform`.

    Every test judges by the server's own ledger. A network that cannot play a fault says so in
    `impossible`; its tests are skipped by name.
    """

    #: Faults this network cannot give, each with a word why.
    impossible: ClassVar[dict[Fault, str]] = {}
    #: Calls `fetch_metrics` may make for five posts.
    metrics_calls: ClassVar[int] = 1

    @pytest.fixture
    def server(self) -> Server:
        """The network under test; to be overridden, for instance by a `Double`."""
        raise NotImplementedError("define a fixture `server`, for instance a Double")

    @pytest.fixture
    def account(self, server: Server) -> Account:
        """An account of the network. Override it where made-up tokens will not do."""
        return Account(
            id=uuid4(),
            platform_user_id="1",
            username="tester",
            credentials=Credentials(
                access_token="contract-access-token",  # noqa: S106 - made up, and looked for
                refresh_token="contract-refresh-token",  # noqa: S106
                expires_at=datetime.now(UTC) + timedelta(hours=1),
                extra={"server": server.url},
            ),
        )

    @pytest.fixture
    def rig(self, platform: Platform, account: Account) -> Rig:
        """The ways the publisher calls the platform."""
        return Rig(platform=platform, account=account)

    # --- publishing ---

    def test_identify_says_whose_account_it_is(self, rig: Rig) -> None:
        """`identify` gives the network's id and name of the account."""
        who, _ = rig.run(lambda http: rig.platform.identify(http, rig.account.credentials))
        expect(who.platform_user_id, "identify() gave no platform_user_id")
        expect(who.username, "identify() gave no username")

    def test_publish_gives_one_post(self, rig: Rig, server: Server) -> None:
        """One call, one post, word for word, and the network's id for it."""
        text = "Fresh bread at nine 🥐 e\u0301"
        ids = rig.attempt(text).ids()
        taken = server.accepted()
        expect(len(taken) == 1, f"the network took {len(taken)} posts instead of one")
        expect(taken[0].text == text, f"the network got {taken[0].text!r} instead of {text!r}")
        expect(ids == [taken[0].id], f"publish() says {ids}, the network {taken[0].id!r}")

    def test_a_repeat_is_the_same_post_where_that_is_promised(
        self, rig: Rig, server: Server
    ) -> None:
        """With a native or client key, a repeat with the same progress posts nothing new."""
        if rig.platform.delivery.idempotency not in {"native", "client_key"}:
            pytest.skip("delivery.idempotency promises nothing")
        server.arm(Fault.CUT_AFTER_ACCEPT)
        first = rig.attempt("once")
        first.raised(Interrupted, OutcomeUnknown, why="the answer was lost")
        rig.attempt("once", progress=first.progress).ids()
        taken = [each for each in server.accepted() if each.text == "once"]
        expect(
            len(taken) == 1,
            f"{len(taken)} posts: a repeat must send the same key (call.key and call.progress are"
            " the same in every attempt)",
        )

    @pytest.mark.parametrize("fault", [*MAPPING])
    def test_errors_say_what_is_known(self, rig: Rig, server: Server, fault: Fault) -> None:
        """Each way to fail is one of the closed set, so the publisher knows what to do."""
        if fault in self.impossible:
            pytest.skip(f"{fault}: {self.impossible[fault]}")
        server.arm(fault, retry_after=120)
        error = rig.attempt("hello").raised(*MAPPING[fault], why=f"the network played {fault}")
        accepted = 1 if fault.endswith("after_accept") else 0
        expect(
            len(server.accepted()) == accepted,
            f"the network took {len(server.accepted())} posts instead of {accepted}: one attempt"
            " sends once; only the publisher may try again",
        )
        if fault is Fault.RATE_LIMIT:
            assert isinstance(error, Retryable)
            expect(error.rate_limited, "a rate limit is Retryable(…, rate_limited=True)")
            expect(
                error.retry_after is not None and abs(error.retry_after - 120) < 5,
                f"the network said: in 120 s; the error says retry_after={error.retry_after}",
            )

    def test_not_sent_passes_through(self, rig: Rig) -> None:
        """The client's `NotSent` reaches the publisher: only then it may try again at once."""
        rig.attempt("hello", sending=Unreachable).raised(NotSent, why="nobody listens")

    def test_an_interruption_passes_through(self, rig: Rig, server: Server) -> None:
        """The client's `Interrupted` is never turned into a success or a "not done"."""
        result = rig.attempt("hello", sending=CutOff)
        result.raised(Interrupted, OutcomeUnknown, why="the connection was cut after the send")
        sent = [each for each in server.accepted() if each.text == "hello"]
        expect(len(sent) <= 1, f"the cut post was sent {len(sent)} times")

    def test_redirects_are_not_followed_nor_taken_for_success(
        self, rig: Rig, server: Server
    ) -> None:
        """A 3xx to a post is a fault: following it would hand the token to somebody else."""
        if Fault.REDIRECT in self.impossible:
            pytest.skip(f"redirect: {self.impossible[Fault.REDIRECT]}")
        server.arm(Fault.REDIRECT)
        result = rig.attempt("hello")
        result.raised(PlatformError, why="the network answered 302")
        elsewhere = [url for _, url in result.requests if url.endswith("/elsewhere")]
        expect(not elsewhere, "the redirect was followed")

    # --- threads ---

    def test_a_thread_is_a_chain_in_order(self, rig: Rig, server: Server) -> None:
        """Every part is posted once, each as a reply to the one before."""
        self._need(rig, Feature.THREADS)
        ids = rig.attempt("one", "two", "three").ids()
        taken = server.accepted()
        expect(
            [each.text for each in taken] == ["one", "two", "three"],
            f"the network took {[each.text for each in taken]}",
        )
        expect(ids == [each.id for each in taken], f"publish() says {ids}")
        replies = [each.reply_to for each in taken]
        expect(
            replies == [None, ids[0], ids[1]],
            f"each part replies to the one before; the network saw replies to {replies}",
        )

    def test_a_broken_thread_goes_on_and_never_starts_over(self, rig: Rig, server: Server) -> None:
        """`checkpoint` is called after each part, so that the next attempt knows what is live."""
        self._need(rig, Feature.THREADS)
        server.arm(Fault.RATE_LIMIT, skip=1)
        first = rig.attempt("one", "two", "three")
        first.raised(Retryable, why="the network limited the second part")
        expect(len(server.accepted()) == 1, "one part was taken before the limit")
        ids = rig.attempt("one", "two", "three", progress=first.progress).ids()
        taken = server.accepted()
        expect(
            [each.text for each in taken] == ["one", "two", "three"],
            f"after going on, the network has {[each.text for each in taken]}: go on from"
            " call.progress, which holds what checkpoint() noted",
        )
        expect(ids == [each.id for each in taken], f"ids of all parts, in order, not {ids}")

    def test_a_broken_thread_goes_on_after_its_rest_was_edited(
        self, rig: Rig, server: Server
    ) -> None:
        """`resumed` keeps what is needed to go on, and nothing of the parts that were edited."""
        self._need(rig, Feature.THREADS)
        server.arm(Fault.RATE_LIMIT, skip=1)
        first = rig.attempt("one", "two", "three")
        first.raised(Retryable, why="the network limited the second part")
        expect(len(server.accepted()) == 1, "one part was taken before the limit")
        kept = stored(rig.platform.resumed(first.progress), "resumed()")
        rig.key = str(uuid4())  # it was scheduled anew
        ids = rig.attempt("one", "better", progress=kept).ids()
        taken = server.accepted()
        expect(
            [each.text for each in taken] == ["one", "better"],
            f"after an edit of the rest, the network has {[each.text for each in taken]}: keep in"
            " resumed() what publish() needs to go on after the parts that are live",
        )
        expect(ids == [each.id for each in taken], f"ids of all parts, in order, not {ids}")
        replies = [each.reply_to for each in taken]
        expect(replies == [None, ids[0]], f"each part replies to the one before, not {replies}")

    # --- by feature ---

    def test_find_published_tells_live_from_absent(self, rig: Rig, server: Server) -> None:
        """The read-back that settles an unknown outcome."""
        self._need(rig, Feature.FIND_PUBLISHED)
        missing, _ = rig.run(
            lambda http: rig.platform.find_published(rig.call(http, "hello", progress={}))
        )
        if missing is None:
            fail("find_published() gave None (cannot tell), though the network answered")
        expect(not missing.ids and not missing.complete, f"nothing was posted, but {missing}")
        server.arm(Fault.ERROR_AFTER_ACCEPT)
        lost = rig.attempt("hello")
        found, _ = rig.run(
            lambda http: rig.platform.find_published(
                rig.call(http, "hello", progress=lost.progress)
            )
        )
        taken = server.accepted()
        expect(
            found is not None and list(found.ids) == [taken[0].id] and found.complete,
            f"the post is live as {taken[0].id!r}; find_published() gave {found}",
        )
        other, _ = rig.run(
            lambda http: rig.platform.find_published(rig.call(http, "hell", progress={}))
        )
        expect(
            other is None or not other.ids,
            f"“hello” was taken for “hell”: compare whole texts, a search finds parts: {other}",
        )

    def test_refresh_gives_fresh_tokens(self, rig: Rig) -> None:
        """The new access token differs; a rotating refresh token differs too and works."""
        self._need(rig, Feature.REFRESH)
        old = rig.account.credentials
        new, _ = rig.run(lambda http: rig.platform.refresh(http, old))
        expect(new.access_token != old.access_token, "refresh() gave the old access token")
        expect(new.refresh_token, "refresh() lost the refresh token: keep the old one if none came")
        expect(dict(old.extra).items() <= dict(new.extra).items(), "refresh() lost `extra`")
        if rig.platform.delivery.refresh == "rotating":
            expect(
                new.refresh_token != old.refresh_token,
                "delivery.refresh is rotating, but the refresh token is the old one",
            )
            again, _ = rig.run(lambda http: rig.platform.refresh(http, new))
            expect(again.access_token != new.access_token, "the rotated refresh token is useless")
        rig.check_secrets(new)

    def test_delete_is_done_also_the_second_time(self, rig: Rig, server: Server) -> None:
        """Deleting what is gone already is no error."""
        self._need(rig, Feature.DELETE)
        post_id = rig.attempt("soon gone").ids()[0]
        for _ in range(2):
            rig.run(lambda http: rig.platform.delete(http, rig.account, post_id))
        expect(not server.accepted()[0].live, "the post is still live after delete()")

    def test_metrics_come_in_one_batch(self, rig: Rig) -> None:
        """Counts of many posts cost few calls; what is gone is left out."""
        self._need(rig, Feature.METRICS)
        ids = [
            Rig(platform=rig.platform, account=rig.account).attempt(f"post {n}").ids()[0]
            for n in range(5)
        ]
        found, http = rig.run(lambda http: rig.platform.fetch_metrics(http, rig.account, ids))
        expect(set(found) == set(ids), f"asked for {ids}, got {sorted(found)}")
        expect(
            len(http.requests) <= self.metrics_calls,
            f"{len(http.requests)} calls for 5 posts; at most {self.metrics_calls}",
        )

    def test_trends_are_texts_with_addresses(self, rig: Rig) -> None:
        """`search_trends` gives `text` and `url` each."""
        self._need(rig, Feature.TRENDS)
        found, _ = rig.run(lambda http: rig.platform.search_trends(http, rig.account, "bread"))
        for trend in found:
            expect({"text", "url"} <= set(trend), f"a trend needs text and url: {trend}")

    # --- secrets ---

    def test_no_secret_is_shown(self, rig: Rig) -> None:
        """Reprs of what travels through the program show no token."""
        call = rig.call(Unreachable(), "hello", progress={})
        rig.check_secrets(rig.account, rig.account.credentials, rig.platform, call)

    def _need(self, rig: Rig, feature: Feature) -> None:
        if feature not in rig.platform.features:
            pytest.skip(f"{feature.name} is not declared")
