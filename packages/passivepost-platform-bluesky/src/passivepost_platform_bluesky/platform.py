"""Bluesky as a platform: sessions, records under keys of our own, pictures, facets."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from passivepost.api import (
    Account,
    AsyncClient,
    AuthExpired,
    AuthRevoked,
    Capabilities,
    CredentialField,
    CredentialForm,
    Credentials,
    Delivery,
    Feature,
    Found,
    Identity,
    MediaRule,
    Metrics,
    OutcomeUnknown,
    Part,
    Platform,
    PlatformError,
    Progress,
    Publish,
    Published,
    Rejected,
    Retryable,
    TextRule,
)
from passivepost_platform_bluesky import client as xrpc
from passivepost_platform_bluesky.richtext import facets, graphemes, spans
from passivepost_platform_bluesky.settings import BlueskySettings
from passivepost_platform_bluesky.tid import new_tid


class BlueskyPlatform(Platform):
    """The AT Protocol's network. Facts: lexicons of 2026-08 and a PDS 0.5.35 asked in 2026-11.

    A repeat is safe: keys and the time of a record are chosen and stored before the first send,
    and `putRecord` writes the same record again.
    """

    name = "bluesky"
    label = "Bluesky"
    color = "#1185fe"
    icon = (
        "M6.3 4.2C8.6 5.9 11 9.4 12 11.3c1-1.9 3.4-5.4 5.7-7.1C19.4 3 22 2 22 5.1c0 .6-.4 5.2-.6 "
        "5.9-.7 2.6-3.3 3.3-5.7 2.9 4.1.7 5.1 3 2.9 5.3-4.3 4.4-6.1-1.1-6.6-2.5-.1-.3-.1-.4-.1-.3 "
        "0-.1 0 0-.1.3-.5 1.4-2.3 6.9-6.6 2.5-2.2-2.3-1.2-4.6 2.9-5.3-2.4.4-5-.3-5.7-2.9C2.4 10.3 "
        "2 5.7 2 5.1 2 2 4.6 3 6.3 4.2Z"
    )
    prepares_text = True  # record keys
    features = frozenset(
        {
            Feature.FIND_PUBLISHED,
            Feature.METRICS,
            Feature.DELETE,
            Feature.REFRESH,
            Feature.MEDIA,
            Feature.THREADS,
        }
    )

    def __init__(self, settings: BlueskySettings) -> None:
        self.settings = settings
        self.capabilities = Capabilities(
            text=TextRule(limit=300, unit="graphemes", count=graphemes, max_bytes=3000),
            images=MediaRule(
                mimes=frozenset({"image/jpeg", "image/png", "image/webp"}),
                max_count=4,
                max_bytes=2_000_000,  # app.bsky.embed.images, raised from 1,000,000
                alt_limit=2000,
            ),
            max_parts=50,
            text_required=False,
        )
        self.delivery = Delivery(
            idempotency="client_key",
            read_back="yes",
            duplicate_signal="none",
            refresh="rotating",
            longest_call=settings.longest_call_seconds,
        )
        self.connection = CredentialForm(
            fields=(
                CredentialField(name="handle", label="Handle", placeholder="you.bsky.social"),
                CredentialField(
                    name="app_password",
                    label="App password",
                    help="Make one under Settings → Privacy and security → App passwords.",
                    placeholder="xxxx-xxxx-xxxx-xxxx",
                    secret=True,
                ),
                CredentialField(
                    name="server",
                    label="Server",
                    help="Only if your account lives on a server that cannot be found by handle.",
                    placeholder="https://pds.example.com",
                    required=False,
                ),
            ),
            help="Your own password is never asked for: an app password can be revoked any time.",
        )

    # --- Connecting ---

    async def connect(self, http: AsyncClient, values: Mapping[str, str]) -> Credentials:
        """Find the account's own server and sign in there."""
        handle = values["handle"].strip().lstrip("@").lower()
        try:
            server = values.get("server", "").strip()
            if server and "://" not in server:
                server = f"https://{server}"
            server = server or await self._server_of(http, handle)
            session = await xrpc.Xrpc(http, server).create_session(
                handle, values["app_password"].strip()
            )
        except xrpc.XrpcError as error:
            raise _connect_error(error, handle) from error
        document = session.get("didDoc")
        if isinstance(document, dict):
            # The document is the account's own word on where it lives.
            try:
                server = xrpc.server_in(document)
            except xrpc.XrpcError:
                pass
        return _credentials(session, server)

    async def _server_of(self, http: AsyncClient, handle: str) -> str:
        did = await xrpc.Xrpc(http, self.settings.resolver_url).resolve_handle(handle)
        return await xrpc.server_of(http, did, self.settings.plc_url)

    async def identify(self, http: AsyncClient, credentials: Credentials) -> Identity:
        """Ask the server whose session this is."""
        try:
            session = await _server(http, credentials).get_session()
        except xrpc.XrpcError as error:
            raise _error(error) from error
        return Identity(
            platform_user_id=str(session["did"]),
            username=str(session["handle"]),
            display_name=str(session["handle"]),
        )

    async def refresh(self, http: AsyncClient, credentials: Credentials) -> Credentials:
        """Exchange the refresh token. The old one still works for a while: a repeat is safe."""
        server = credentials.extra["server"]
        client = xrpc.Xrpc(http, server, credentials.refresh_token or "")
        try:
            return _credentials(await client.refresh_session(), server)
        except xrpc.XrpcError as error:
            if error.error in {"ExpiredToken", "InvalidToken", "AccountTakedown", "AuthMissing"}:
                raise AuthRevoked(
                    "Bluesky no longer accepts this connection. Connect the account again."
                ) from error
            raise _error(error) from error

    # --- Publishing ---

    async def prepare(self, call: Publish) -> Progress:
        """Choose keys and time, find who is mentioned, upload pictures. All of it repeatable."""
        parts = call.content.parts
        progress = dict(call.progress)
        keys = list(progress.get("keys", []))
        progress["keys"] = keys + [new_tid() for _ in parts[len(keys) :]]
        progress.setdefault("created_at", _now())
        progress.setdefault("posted", [])
        server = _server(call.http, call.account.credentials)
        try:
            if "dids" not in progress:
                progress["dids"] = await self._mentioned(call.http, parts)
            # A blob that no record holds is dropped within hours: store them anew each time; the
            # reference is the hash of the bytes, so the record stays the same.
            live = len(progress["posted"])
            progress["images"] = [
                await _images(server, part) if number >= live else []
                for number, part in enumerate(parts)
            ]
        except xrpc.XrpcError as error:
            raise _error(error) from error
        return progress

    async def _mentioned(self, http: AsyncClient, parts: Sequence[Part]) -> dict[str, str]:
        handles = {
            span.value for part in parts for span in spans(part.text) if span.kind == "mention"
        }
        resolver = xrpc.Xrpc(http, self.settings.resolver_url)
        dids = {}
        for handle in sorted(handles):
            try:
                dids[handle] = await resolver.resolve_handle(handle)
            except xrpc.XrpcError as error:
                if error.status >= 500 or error.status == 429:
                    raise
                # No such person: the text stays as it was written.
        return dids

    async def publish(self, call: Publish) -> Published:
        """Write each part's record under its key, going on after those already written."""
        progress = dict(call.progress)
        posted: list[dict[str, str]] = list(progress.get("posted", []))
        server = _server(call.http, call.account.credentials)
        repo = call.account.platform_user_id
        for index in range(len(posted), len(call.content.parts)):
            record = _record(call.content.parts[index], progress, index, posted)
            try:
                answer = await server.put_record(
                    repo, progress["keys"][index], record, self.delivery.longest_call
                )
            except xrpc.XrpcError as error:
                raise _error(error, sent=True) from error
            posted.append({"uri": str(answer["uri"]), "cid": str(answer["cid"])})
            if index + 1 < len(call.content.parts):
                progress["posted"], progress["ids"] = posted, [post["uri"] for post in posted]
                await call.checkpoint(progress)
        return self._published(call, [post["uri"] for post in posted])

    def resumed(self, progress: Progress) -> Progress:
        """Keep what is written, and all keys: a part that turns up after all is written over."""
        kept = ("ids", "posted", "keys", "created_at")
        return {name: progress[name] for name in kept if name in progress}

    def _published(self, call: Publish, uris: Sequence[str]) -> Published:
        return Published(ids=uris, url=self.post_url(call.account.username, uris[0]))

    async def find_published(self, call: Publish) -> Found | None:
        """Look for each part under its key."""
        keys = call.progress.get("keys")
        if not keys:
            return Found(ids=(), complete=False)
        server = _server(call.http, call.account.credentials)
        uris: list[str] = []
        try:
            for key in keys[: len(call.content.parts)]:
                record = await server.get_record(call.account.platform_user_id, key)
                if record is None:
                    break
                uris.append(str(record["uri"]))
        except xrpc.XrpcError as error:
            raise _error(error) from error
        return Found(
            ids=uris,
            complete=len(uris) == len(call.content.parts),
            url=self.post_url(call.account.username, uris[0]) if uris else None,
        )

    async def delete(self, http: AsyncClient, account: Account, post_id: str) -> None:
        """Delete a record; the server takes a second time as done."""
        try:
            await _server(http, account.credentials).delete_record(
                account.platform_user_id, post_id.rsplit("/", 1)[-1]
            )
        except xrpc.XrpcError as error:
            raise _error(error) from error

    async def fetch_metrics(
        self, http: AsyncClient, account: Account, post_ids: Sequence[str]
    ) -> Mapping[str, Metrics]:
        """Ask the public view of the network, 25 posts a call. It does not tell impressions."""
        view = xrpc.Xrpc(http, self.settings.appview_url)
        found: dict[str, Metrics] = {}
        try:
            for start in range(0, len(post_ids), xrpc.POSTS_PER_CALL):
                for post in await view.get_posts(post_ids[start : start + xrpc.POSTS_PER_CALL]):
                    found[str(post["uri"])] = Metrics(
                        likes=post.get("likeCount"),
                        comments=post.get("replyCount"),
                        shares=post.get("repostCount"),
                        extra={"quotes": int(post.get("quoteCount") or 0)},
                    )
        except xrpc.XrpcError as error:
            raise _error(error) from error
        return found

    def post_url(self, account_name: str, post_id: str) -> str | None:
        """Return the page of a post on the network's site."""
        return f"{self.settings.web_url}/profile/{account_name}/post/{post_id.rsplit('/', 1)[-1]}"


def _server(http: AsyncClient, credentials: Credentials) -> xrpc.Xrpc:
    return xrpc.Xrpc(http, credentials.extra["server"], credentials.access_token)


def _credentials(session: Mapping[str, Any], server: str) -> Credentials:
    access = str(session["accessJwt"])
    return Credentials(
        access_token=access,
        refresh_token=str(session["refreshJwt"]),
        expires_at=_expiry(access),
        scopes=("atproto",),
        extra={"server": server},
    )


def _expiry(token: str) -> datetime | None:
    """Read ``exp`` of a JWT; the protocol tells the lifetime nowhere else. Not a verification."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (IndexError, KeyError, TypeError, ValueError):
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _images(server: xrpc.Xrpc, part: Part) -> list[dict[str, Any]]:
    images = []
    for media in part.media:
        blob = await server.upload_blob(await media.load(), media.mime)
        image: dict[str, Any] = {"alt": media.alt, "image": dict(blob)}
        if media.width and media.height:
            image["aspectRatio"] = {"width": media.width, "height": media.height}
        images.append(image)
    return images


def _record(
    part: Part, progress: Progress, index: int, posted: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    record: dict[str, Any] = {
        "$type": xrpc.POST,
        "text": part.text,
        "createdAt": progress["created_at"],
    }
    marked = facets(part.text, progress.get("dids", {}))
    if marked:
        record["facets"] = list(marked)
    images = progress.get("images", [])
    if index < len(images) and images[index]:
        record["embed"] = {"$type": "app.bsky.embed.images", "images": images[index]}
    if posted:
        record["reply"] = {"root": dict(posted[0]), "parent": dict(posted[-1])}
    return record


def _connect_error(error: xrpc.XrpcError, handle: str) -> PlatformError:
    if error.error == "AuthenticationRequired" or error.status == 401:
        return Rejected(
            "Bluesky does not accept this handle and app password. Check both; the app password"
            " is not the one you sign in with."
        )
    if error.error == "AuthFactorTokenRequired":
        return Rejected("This is the account's own password. Make an app password and use that.")
    if error.status in {400, 404}:
        return Rejected(f"No account “{handle[:100]}” was found. Write it like you.bsky.social.")
    return _error(error)


def _error(error: xrpc.XrpcError, *, sent: bool = False) -> PlatformError:
    """Classify an answer. An expired token is a 400 here; only a missing one is a 401."""
    if error.status == 429:
        return Retryable(
            "Bluesky asks to wait.", retry_after=error.retry_after or 300, rate_limited=True
        )
    if error.error in {"AuthMissing", "AccountTakedown", "AccountDeactivated"}:
        return AuthRevoked(f"Bluesky refuses this account: {error.message}")
    if error.error in {"ExpiredToken", "InvalidToken"} or error.status == 401:
        return AuthExpired("The session with Bluesky has run out.")
    if error.error == "BlobNotFound":
        # Dropped since it was uploaded; the next attempt prepares, and so uploads, again.
        return Retryable("Bluesky no longer has an uploaded picture.")
    if error.status >= 500 or error.status < 400 or error.status == 408:
        words = f"Bluesky's server had a fault ({error.status})."
        return OutcomeUnknown(words) if sent else Retryable(words)
    return Rejected(f"Bluesky refuses this post: {error.message}")
