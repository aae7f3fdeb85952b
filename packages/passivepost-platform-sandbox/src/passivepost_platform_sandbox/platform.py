"""The sandbox network as a platform of PassivePost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from passivepost.api import (
    Account,
    AsyncClient,
    AuthExpired,
    AuthRevoked,
    Capabilities,
    Content,
    Credentials,
    Delivery,
    Duplicate,
    Feature,
    Found,
    Identity,
    MediaRule,
    Metrics,
    Misconfigured,
    OAuth,
    OutcomeUnknown,
    Platform,
    PlatformError,
    Progress,
    Publish,
    Published,
    Rejected,
    Retryable,
    TextRule,
)
from passivepost_platform_sandbox.client import Answer, Client
from passivepost_platform_sandbox.settings import SandboxSettings

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


class SandboxPlatform(Platform):
    """The sample network inside this installation.

    Args:
        settings: what it declares; chaos runs switch keys and read-back off.
        base: the network's address.
    """

    name = "sandbox"
    label = "Sandbox"
    color = "#b4531f"
    icon = "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm0 3a7 7 0 0 1 7 7H5a7 7 0 0 1 7-7z"
    features = frozenset(Feature)
    capabilities = Capabilities(
        text=TextRule(limit=500),
        images=MediaRule(mimes=PICTURES, max_count=4, max_bytes=5_000_000, alt_limit=1500),
        video=MediaRule(mimes=frozenset({"video/mp4"}), max_count=1, max_bytes=5_000_000),
        max_parts=25,
    )

    def __init__(self, settings: SandboxSettings, base: str) -> None:
        self._base = base
        self._timeout = settings.longest_call_seconds
        self.delivery = Delivery(
            idempotency=settings.idempotency,
            read_back="yes" if settings.read_back else "no",
            duplicate_signal=settings.duplicate_signal,
            refresh="rotating",
            longest_call=settings.longest_call_seconds,
        )
        self.connection = OAuth(
            authorize_url=f"{base}/oauth/authorize",
            token_url=f"{base}/oauth/token",
            revoke_url=f"{base}/oauth/revoke",
            scopes=("read", "write"),
            client_id=settings.client_id,
            client_secret=settings.client_secret.get_secret_value(),
            pkce=True,
        )

    def _client(self, http: AsyncClient, credentials: Credentials) -> Client:
        return Client(http, self._base, credentials.access_token, self._timeout)

    async def identify(self, http: AsyncClient, credentials: Credentials) -> Identity:
        """Ask the network who the token stands for."""
        who = _done(await self._client(http, credentials).me(), sent=False)
        return Identity(
            platform_user_id=str(who["id"]),
            username=str(who["username"]),
            display_name=str(who["display_name"]),
        )

    def validate(self, content: Content) -> list[str]:
        """A part with a video holds nothing else."""
        mixed = [
            str(n)
            for n, part in enumerate(content.parts, 1)
            if len(part.media) > 1 and any(each.mime == "video/mp4" for each in part.media)
        ]
        return [f"Part {n}: a video goes alone, without other media." for n in mixed]

    async def prepare(self, call: Publish) -> Progress:
        """Upload the media of parts that are not posted yet; a repeat goes on where it stopped."""
        client = self._client(call.http, call.account.credentials)
        media: dict[str, list[str]] = dict(call.progress.get("media", {}))
        live = len(call.progress.get("ids", ()))
        for n, part in enumerate(call.content.parts):
            if n >= live and str(n) not in media and part.media:
                media[str(n)] = [
                    str(
                        _done(
                            await client.upload(await each.load(), each.mime, each.alt), sent=False
                        )["id"]
                    )
                    for each in part.media
                ]
        return {**call.progress, "media": media} if media else call.progress

    async def publish(self, call: Publish) -> Published:
        """Post each part that is not live yet, as a reply to the one before."""
        client = self._client(call.http, call.account.credentials)
        progress: dict[str, Any] = dict(call.progress)
        ids: list[str] = list(progress.get("ids", []))
        url: str | None = progress.get("url")
        for n, part in enumerate(call.content.parts[len(ids) :], len(ids)):
            answer = await client.post(
                part.text,
                key=f"{call.key}:{n}",
                reply_to=ids[-1] if ids else None,
                media=progress.get("media", {}).get(str(n), ()),
            )
            post = _done(answer, sent=True)
            ids.append(str(post["id"]))
            url = url or str(post["url"])
            if len(call.content.parts) > 1:
                await call.checkpoint({**progress, "ids": list(ids), "url": url})
        return Published(ids=ids, url=url)

    def resumed(self, progress: Progress) -> Progress:
        """Keep the address of the first part beside the ids."""
        return {"ids": progress["ids"], "url": progress.get("url")}

    async def find_published(self, call: Publish) -> Found | None:
        """Look for each part, by author, exact text and time since the first attempt."""
        client = self._client(call.http, call.account.credentials)
        ids: list[str] = list(call.progress.get("ids", []))
        url: str | None = call.progress.get("url")
        since = call.armed_at.isoformat() if call.armed_at else ""
        for part in call.content.parts[len(ids) :]:
            answer = await client.find(author=call.account.username, since=since, text=part.text)
            if not answer.ok:
                return None
            seen = [
                post
                for post in answer.body.get("items", [])
                if post["reply_to"] == (ids[-1] if ids else None) and post["id"] not in ids
            ]
            if not seen:
                break
            ids.append(str(seen[-1]["id"]))
        return Found(ids=ids, complete=len(ids) == len(call.content.parts), url=url)

    async def fetch_metrics(
        self, http: AsyncClient, account: Account, post_ids: Sequence[str]
    ) -> Mapping[str, Metrics]:
        """Read the counts of up to 100 posts per call."""
        client = self._client(http, account.credentials)
        found: dict[str, Metrics] = {}
        for start in range(0, len(post_ids), 100):
            body = _done(await client.metrics(post_ids[start : start + 100]), sent=False)
            for post_id, counts in body["items"].items():
                found[post_id] = Metrics(
                    likes=counts["likes"],
                    comments=counts["replies"],
                    shares=counts["reposts"],
                    impressions=counts["views"],
                )
        return found

    async def delete(self, http: AsyncClient, account: Account, post_id: str) -> None:
        """Delete a post; one that is gone already is as good as deleted."""
        answer = await self._client(http, account.credentials).delete(post_id)
        if answer.status != 404:
            _done(answer, sent=True)

    async def search_trends(
        self, http: AsyncClient, account: Account, query: str
    ) -> Sequence[Mapping[str, str]]:
        """Return what is posted about a word."""
        found = _done(await self._client(http, account.credentials).trends(query), sent=False)
        return [{"text": str(each["text"]), "url": str(each["url"])} for each in found["items"]]


class BlindSandboxPlatform(SandboxPlatform):
    """The same, declared as a network whose posts cannot be read back."""

    features = frozenset(Feature) - {Feature.FIND_PUBLISHED}


def make_platform(settings: SandboxSettings, base: str) -> SandboxPlatform:
    """Return the platform that the settings describe."""
    kind = SandboxPlatform if settings.read_back else BlindSandboxPlatform
    return kind(settings, base)


def _done(answer: Answer, *, sent: bool) -> dict[str, Any]:
    """Return the body of a success; raise what an error means.

    Args:
        sent: the call changes what others see, so a fault of the network leaves it open whether
            it was carried out.
    """
    if answer.ok:
        return answer.body
    raise _error(answer, sent)


def _error(answer: Answer, sent: bool) -> PlatformError:
    if answer.status == 429:
        return Retryable(answer.message, retry_after=answer.retry_after, rate_limited=True)
    if answer.status == 401:
        kind = AuthRevoked if answer.code == "revoked_token" else AuthExpired
        return kind(answer.message)
    if answer.status == 409:
        existing = answer.body.get("error", {}).get("existing_id")
        return Duplicate(answer.message, existing_id=existing)
    if answer.status in {400, 413, 422}:
        return Rejected(answer.message)
    if answer.status in {403, 404}:
        return Misconfigured(answer.message)
    if sent:
        return OutcomeUnknown(answer.message)
    return Retryable(answer.message)
