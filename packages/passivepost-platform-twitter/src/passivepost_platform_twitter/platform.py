"""X as a platform. It honours no key and a duplicate refusal names no post: so the publisher's
own protocol is all that keeps a post from appearing twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from passivepost.api import (
    Account,
    AsyncClient,
    AuthExpired,
    Capabilities,
    Content,
    Cost,
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
from passivepost_platform_twitter import readback
from passivepost_platform_twitter.client import POSTS_PER_CALL, ApiError, XApi
from passivepost_platform_twitter.media import upload_all
from passivepost_platform_twitter.settings import TwitterSettings
from passivepost_platform_twitter.weights import LIMIT, LINK, weighted_length

GIF_BYTES, GIF_SIZE = 15 * 1024 * 1024, (1280, 1080)
_PRICES = "docs.x.com pricing, 2026-08"


class TwitterPlatform(Platform):
    """X, API v2. Facts: X's documentation and OpenAPI document of 2026-08."""

    name = "twitter"
    label = "X"
    color = "#0f1419"
    icon = (
        "M18.2 2.3h3.3l-7.2 8.2 8.5 11.2h-6.7l-5.2-6.8-6 6.8H1.6l7.7-8.8L1.2 2.3H8l4.7 6.2zm-1.2 "
        "17.5h1.8L7 4.1H5.1z"
    )
    features = frozenset(
        {
            Feature.FIND_PUBLISHED,
            Feature.METRICS,
            Feature.DELETE,
            Feature.REFRESH,
            Feature.TRENDS,
            Feature.MEDIA,
            Feature.THREADS,
        }
    )

    def __init__(self, settings: TwitterSettings) -> None:
        self.settings = settings
        base = settings.api_url.rstrip("/")
        self.capabilities = Capabilities(
            text=TextRule(
                limit=LIMIT,
                unit="characters as X counts them",
                count=weighted_length,
                link_length=LINK,
            ),
            images=MediaRule(
                mimes=frozenset({"image/jpeg", "image/png", "image/webp"}),
                max_count=4,
                max_bytes=5 * 1024 * 1024,
                alt_limit=1000,
            ),
            video=MediaRule(
                # A GIF is posted like a video: alone.
                mimes=frozenset({"video/mp4", "video/quicktime", "image/gif"}),
                max_count=1,
                max_bytes=512 * 1024 * 1024,
                alt_limit=1000,
                max_seconds=140,
            ),
            max_parts=25,
            text_required=False,
        )
        self.delivery = Delivery(
            idempotency="none",
            read_back="paid",
            duplicate_signal="no_id",
            refresh="rotating",
            longest_call=settings.longest_call_seconds,
            costs=(
                Cost(operation="post", usd=0.015, source=_PRICES),
                Cost(operation="post_with_link", usd=0.200, source=_PRICES),
                Cost(operation="delete", usd=0.010, source=_PRICES),
                Cost(operation="read_post", usd=0.005, source=_PRICES),
                Cost(operation="read_user", usd=0.010, source=_PRICES),
                Cost(operation="media_metadata", usd=0.005, source=_PRICES),
            ),
        )
        self.connection = OAuth(
            authorize_url=settings.authorize_url,
            token_url=f"{base}/2/oauth2/token",
            revoke_url=f"{base}/2/oauth2/revoke",
            scopes=("tweet.read", "tweet.write", "users.read", "media.write", "offline.access"),
            client_id=settings.client_id,
            client_secret=settings.client_secret.get_secret_value(),
            pkce=True,
            client_auth="basic",
            register_url="https://developer.x.com/en/portal/dashboard",
        )

    def _api(self, http: AsyncClient, credentials: Credentials) -> XApi:
        return XApi(http, self.settings.api_url, credentials.access_token)

    def validate(self, content: Content) -> list[str]:
        """X takes four pictures or one video or one GIF, never a mixture.

        A GIF has at most 15 MB and 1280 × 1080 pixels (media best practices, 2026-08).
        """
        faults = []
        for number, part in enumerate(content.parts, start=1):
            alone = [
                each
                for each in part.media
                if each.mime.startswith("video/") or each.mime == "image/gif"
            ]
            if alone and len(part.media) > 1:
                faults.append(
                    f"Part {number}: X takes four pictures, one video or one GIF, not a mixture."
                )
            for gif in (each for each in alone if each.mime == "image/gif"):
                if gif.size > GIF_BYTES or gif.width > GIF_SIZE[0] or gif.height > GIF_SIZE[1]:
                    faults.append(
                        f"Part {number}: X takes GIFs of at most 15 MB and 1280 × 1080 pixels."
                    )
        return faults

    async def identify(self, http: AsyncClient, credentials: Credentials) -> Identity:
        """Ask X whose token this is."""
        try:
            user = await self._api(http, credentials).me()
        except ApiError as error:
            raise _error(error) from error
        return Identity(
            platform_user_id=str(user["id"]),
            username=str(user["username"]),
            display_name=str(user.get("name") or ""),
        )

    # --- Publishing ---

    async def prepare(self, call: Publish) -> Progress:
        """Upload media; ids are valid for 24 hours, so later attempts use them again."""
        api = self._api(call.http, call.account.credentials)
        try:
            return await upload_all(api, call, self.settings.media_wait_seconds)
        except ApiError as error:
            raise _error(error) from error

    async def publish(self, call: Publish) -> Published:
        """Post each part as a reply to the one before, going on after those already posted."""
        api = self._api(call.http, call.account.credentials)
        progress = dict(call.progress)
        ids: list[str] = list(progress.get("ids", []))
        media: list[list[str]] = progress.get("media") or [[] for _ in call.content.parts]
        for index in range(len(ids), len(call.content.parts)):
            try:
                post_id = await api.create_post(
                    call.content.parts[index].text,
                    media_ids=media[index],
                    reply_to=ids[-1] if ids else None,
                    timeout=self.delivery.longest_call,
                )
            except ApiError as error:
                raise _error(error, part=index + 1, sent=True) from error
            ids.append(post_id)
            if len(ids) < len(call.content.parts):
                progress["ids"] = ids
                await call.checkpoint(progress)
        return Published(ids=ids, url=self.post_url(call.account.username, ids[0]))

    async def find_published(self, call: Publish) -> Found | None:
        """Look among the account's recent posts for the parts that are not known yet."""
        if call.armed_at is None:
            return None
        known: list[str] = list(call.progress.get("ids", []))
        # A minute earlier: X's clock is not ours.
        since = (call.armed_at - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            recent, whole = await self._api(call.http, call.account.credentials).recent_posts(
                call.account.platform_user_id, since
            )
        except ApiError as error:
            raise _error(error) from error
        ids = readback.match(recent, call.content.parts, known)
        if ids is None:
            return None
        complete = len(ids) == len(call.content.parts)
        if not complete and not whole:
            return None  # it may stand on a later page
        return Found(
            ids=ids,
            complete=complete,
            url=self.post_url(call.account.username, ids[0]) if ids else None,
        )

    async def delete(self, http: AsyncClient, account: Account, post_id: str) -> None:
        """Delete a post; one that is gone already counts as deleted."""
        try:
            await self._api(http, account.credentials).delete_post(post_id)
        except ApiError as error:
            if error.status != 404:
                raise _error(error) from error

    async def fetch_metrics(
        self, http: AsyncClient, account: Account, post_ids: Sequence[str]
    ) -> Mapping[str, Metrics]:
        """Read public counts, 100 posts a call; each post read is paid."""
        api = self._api(http, account.credentials)
        found: dict[str, Metrics] = {}
        try:
            for start in range(0, len(post_ids), POSTS_PER_CALL):
                for post in await api.posts(post_ids[start : start + POSTS_PER_CALL]):
                    counts = post.get("public_metrics") or {}
                    found[str(post["id"])] = Metrics(
                        likes=counts.get("like_count"),
                        comments=counts.get("reply_count"),
                        # Renamed on 2026-08-07; both spellings are met.
                        shares=counts.get("retweet_count", counts.get("repost_count")),
                        impressions=counts.get("impression_count"),
                        extra={
                            name: int(counts[f"{name[:-1]}_count"])
                            for name in ("quotes", "bookmarks")
                            if counts.get(f"{name[:-1]}_count") is not None
                        },
                    )
        except ApiError as error:
            raise _error(error) from error
        return found

    async def search_trends(
        self, http: AsyncClient, account: Account, query: str
    ) -> Sequence[Mapping[str, str]]:
        """Search recent posts; each post read is paid."""
        try:
            posts = await self._api(http, account.credentials).search(query)
        except ApiError as error:
            raise _error(error) from error
        return [
            {"text": str(post.get("text", "")), "url": self.post_url("", str(post["id"])) or ""}
            for post in posts
        ]

    def post_url(self, account_name: str, post_id: str) -> str | None:
        """Return the page of a post; it works without the name too."""
        return f"https://x.com/{account_name or 'i/web'}/status/{post_id}"


def _error(error: ApiError, *, part: int = 1, sent: bool = False) -> PlatformError:
    """Classify an answer of X; `sent` when it answers a create, which may then be live."""
    after = f" Parts before part {part} are live." if part > 1 else ""
    if error.status == 401:
        return AuthExpired("X no longer accepts the access token.")
    if error.status == 429 and error.kind != "usage-capped":
        wait = 300.0 if error.wait is None else max(1.0, error.wait)
        return Retryable("X asks to wait (rate limit).", retry_after=wait, rate_limited=True)
    if error.kind == "usage-capped" or error.status == 402:
        return Misconfigured(f"The X app's credit or spending cap is used up: {error.detail}")
    if error.status == 403 and "duplicate content" in error.detail.lower():
        return Duplicate(f"X says it already has this text.{after}")
    if error.status == 403 and error.kind == "unsupported-authentication":
        return AuthExpired("X does not accept this kind of token.")
    if error.status >= 500 or error.status < 400 or error.status == 408:
        words = f"X had a fault ({error.status})."
        return OutcomeUnknown(words) if sent else Retryable(words)
    return Rejected(f"X refuses this post: {error.detail}{after}")
