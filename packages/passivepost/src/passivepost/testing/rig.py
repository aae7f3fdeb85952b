"""How the contract calls a platform: as the publisher does, noting everything."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar
from uuid import UUID, uuid4

import pytest

from passivepost.sdk.content import Account, Content, Part, Published
from passivepost.sdk.errors import PlatformError
from passivepost.sdk.http import AsyncClient, Interrupted, NotSent
from passivepost.sdk.platform import Platform, Progress, Publish
from passivepost.testing.client import HttpxClient

T = TypeVar("T")


def fail(message: str) -> NoReturn:
    """End a test with a message for the author, without a trace through the contract."""
    pytest.fail(message, pytrace=False)


def expect(condition: object, message: str) -> None:
    """End a test with a message unless the condition holds."""
    if not condition:
        fail(message)


@dataclass(kw_only=True)
class Attempt:
    """What came of one attempt to publish."""

    published: Published | None = None
    error: Exception | None = None
    progress: Progress = field(default_factory=dict)  #: as stored durably
    requests: list[tuple[str, str]] = field(default_factory=list)

    def ids(self) -> list[str]:
        """Return the ids of a success; otherwise fail with what happened instead."""
        if self.published is None:
            fail(f"publish() should have succeeded, but raised {describe(self.error)}")
        return list(self.published.ids)

    def raised(self, *kinds: type[Exception], why: str) -> Exception:
        """Return the error if it is of a kind; otherwise fail with what happened instead."""
        wanted = " or ".join(kind.__name__ for kind in kinds)
        if self.error is None:
            fail(f"{why}: publish() should raise {wanted}, but reported success: {self.published}")
        if not isinstance(self.error, kinds):
            fail(f"{why}: publish() should raise {wanted}, but raised {describe(self.error)}")
        return self.error


@dataclass(kw_only=True)
class Rig:
    """A platform, an account of it, and the ways the publisher calls it."""

    platform: Platform
    account: Account
    key: str = field(default_factory=lambda: str(uuid4()))
    post_id: UUID = field(default_factory=uuid4)
    armed_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def attempt(
        self,
        *texts: str,
        progress: Progress | None = None,
        sending: Callable[[], HttpxClient] = HttpxClient,
    ) -> Attempt:
        """Prepare and publish a text once, as the publisher does.

        Args:
            progress: what an earlier attempt left.
            sending: the client of `publish`; that of `prepare` always works.
        """
        result = Attempt(progress=dict(progress or {}))

        async def checkpoint(noted: Progress) -> None:
            result.progress = stored(noted, "checkpoint()")

        async def go() -> None:
            if self.platform.prepares_text:
                async with HttpxClient() as http:
                    noted = await self.platform.prepare(
                        self.call(http, *texts, progress=result.progress, checkpoint=checkpoint)
                    )
                    result.progress = stored(noted, "prepare()")
            async with sending() as http:
                try:
                    result.published = await self.platform.publish(
                        self.call(http, *texts, progress=result.progress, checkpoint=checkpoint)
                    )
                finally:
                    result.requests = http.requests

        try:
            asyncio.run(go())
        except Exception as error:
            result.error = error
            self.check_secrets(error)
        return result

    def call(
        self,
        http: AsyncClient,
        *texts: str,
        progress: Mapping[str, Any],
        checkpoint: Callable[[Progress], Awaitable[None]] | None = None,
    ) -> Publish:
        """Return the call of one publish."""

        async def ignore(noted: Progress) -> None:
            stored(noted, "checkpoint()")

        return Publish(
            http=http,
            account=self.account,
            content=Content(parts=tuple(Part(text=text) for text in texts)),
            post_id=self.post_id,
            key=self.key,
            progress=progress,
            checkpoint=checkpoint or ignore,
            armed_at=self.armed_at,
        )

    def run(self, work: Callable[[HttpxClient], Awaitable[T]]) -> tuple[T, HttpxClient]:
        """Run a platform method with a working client; return its result and that client."""

        async def go() -> tuple[T, HttpxClient]:
            async with HttpxClient() as http:
                return await work(http), http

        return asyncio.run(go())

    def check_secrets(self, *things: object) -> None:
        """Fail if an error, with all it was raised from, or a repr shows a token."""
        held = self.account.credentials
        secrets = [held.access_token, held.refresh_token, *held.extra.values()]
        for thing in things:
            told = [repr(thing), str(thing)]
            if isinstance(thing, BaseException):
                told += [repr(vars(thing)), *traceback.format_exception_only(thing)]
                told += [repr(cause) for cause in (thing.__cause__, thing.__context__) if cause]
            for secret in secrets:
                # Short extras (a user id, an address) are no secrets.
                if secret and len(secret) >= 12 and "://" not in secret:
                    expect(
                        not any(secret in each for each in told),
                        f"a token is shown in {type(thing).__name__}. Errors and reprs end up in"
                        " logs: build messages from the network's own words and the status only.",
                    )


def stored(noted: Progress, where: str) -> dict[str, Any]:
    """Return progress as it comes back from the database; fail when it cannot be stored."""
    try:
        found: dict[str, Any] = json.loads(json.dumps(dict(noted)))
    except (TypeError, ValueError) as error:
        fail(f"what {where} notes must be JSON-ready, so that it survives a crash: {error}")
    return found


def describe(error: Exception | None) -> str:
    """Say what an error is, and that it is outside the closed set if it is."""
    if error is None:
        return "nothing"
    known = isinstance(error, PlatformError | NotSent | Interrupted)
    where = "" if known else (
        f"\n{''.join(traceback.format_exception(error)[-3:])}"
        "(this is outside the closed set of passivepost.api errors, so the publisher would count"
        " it as outcome unknown)"
    )  # fmt: skip
    return f"{type(error).__name__}: {error}{where}"
