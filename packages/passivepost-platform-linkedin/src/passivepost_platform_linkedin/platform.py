"""LinkedIn as a platform, for members' profiles. It honours no key and lets an app for members
read nothing back: an outcome nobody knows is settled by a person, or by the repeat it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from passivepost.api import (
    Account,
    AsyncClient,
    Capabilities,
    Content,
    Credentials,
    Delivery,
    Feature,
    Identity,
    MediaRule,
    OAuth,
    Platform,
    Progress,
    Publish,
    Published,
    Retryable,
    TextRule,
)
from passivepost_platform_linkedin.answers import ApiError
from passivepost_platform_linkedin.client import LinkedInApi
from passivepost_platform_linkedin.errors import meaning
from passivepost_platform_linkedin.littletext import LIMIT, length
from passivepost_platform_linkedin.media import upload_all
from passivepost_platform_linkedin.post import author_of, card_faults, post_of
from passivepost_platform_linkedin.settings import LinkedInSettings

#: A picture has fewer points than this (Images API).
PIXELS = 36_152_320


class LinkedInPlatform(Platform):
    """LinkedIn's versioned API. Facts: its documentation (li-lms-2026-05) and recordings, 2026-08.

    Not offered, as `w_member_social` does not allow it: reading posts (so no read-back), counts
    (`r_member_postAnalytics` is given to reviewed apps only), searches. Not offered yet: documents,
    polls, mentions, pages of organizations.
    """

    name = "linkedin"
    label = "LinkedIn"
    color = "#0a66c2"
    icon = (
        "M3.2 2h17.6c.7 0 1.2.5 1.2 1.2v17.6c0 .7-.5 1.2-1.2 1.2H3.2c-.7 0-1.2-.5-1.2-1.2V3.2C2 "
        "2.5 2.5 2 3.2 2zM5 9.5V19h3V9.5zm1.5-4.7a1.7 1.7 0 1 0 0 3.5 1.7 1.7 0 0 0 0-3.5zM10 "
        "9.5V19h3v-5c0-2.4 3-2.6 3 0v5h3v-6c0-4.4-4.6-4.3-6-2.1V9.5z"
    )
    features = frozenset({Feature.DELETE, Feature.MEDIA})

    def __init__(self, settings: LinkedInSettings) -> None:
        self.settings = settings
        site = settings.site_url.rstrip("/")
        self.capabilities = Capabilities(
            text=TextRule(limit=LIMIT, unit="characters as LinkedIn receives them", count=length),
            images=MediaRule(
                mimes=frozenset({"image/jpeg", "image/png", "image/gif"}),
                max_count=20,  # one, or a multiImage of 2–20 (Posts API)
                # LinkedIn names a limit of pixels only; this one is ours.
                max_bytes=10_000_000,
                alt_limit=4086,  # Posts API, as quoted by public validators in 2026
            ),
            video=MediaRule(
                # Media guidelines as told by ayrshare.com, 2026: 500 MB and 30 minutes, MP4 only.
                mimes=frozenset({"video/mp4"}),
                max_count=1,
                max_bytes=500_000_000,
                max_seconds=1800,
            ),
        )
        self.delivery = Delivery(
            idempotency="none",
            read_back="no",
            duplicate_signal="id",
            refresh="none",
            longest_call=settings.longest_call_seconds,
        )
        self.connection = OAuth(
            authorize_url=f"{site}/oauth/v2/authorization",
            token_url=f"{site}/oauth/v2/accessToken",
            revoke_url=f"{site}/oauth/v2/revoke",
            scopes=settings.scopes.split(),
            client_id=settings.client_id,
            client_secret=settings.client_secret.get_secret_value(),
            client_auth="body",
            pkce=settings.pkce,
            register_url="https://www.linkedin.com/developers/apps",
        )

    def _api(self, http: AsyncClient, credentials: Credentials) -> LinkedInApi:
        settings = self.settings
        return LinkedInApi(http, settings.api_url, credentials.access_token, settings.version)

    def validate(self, content: Content) -> list[str]:
        """LinkedIn takes up to 20 pictures or one video, or the card of a link; no mixture."""
        faults, media = card_faults(content), content.parts[0].media
        if len(media) > 1 and any(each.mime.startswith("video/") for each in media):
            faults.append("LinkedIn takes up to 20 pictures or one video, not a mixture.")
        if any(each.width * each.height >= PIXELS for each in media):
            faults.append(f"LinkedIn takes pictures of fewer than {PIXELS:,} pixels.")
        return faults

    async def identify(self, http: AsyncClient, credentials: Credentials) -> Identity:
        """Ask LinkedIn whose token this is. Members have no handle there: the name stands for it.

        A token made this moment may be called revoked for some seconds (public scripts, 2026), so
        LinkedIn is asked a second time before that is believed.
        """
        api = self._api(http, credentials)
        try:
            member = await self._member(api)
        except ApiError as error:
            raise meaning(error) from error
        name = str(member.get("name") or "").strip()
        return Identity(
            platform_user_id=str(member["sub"]),
            username=name or str(member["sub"]),
            display_name=name,
        )

    async def _member(self, api: LinkedInApi) -> Mapping[str, Any]:
        try:
            return await api.me()
        except ApiError as error:
            if error.status != 401:
                raise
        await asyncio.sleep(self.settings.new_token_seconds)
        return await api.me()

    async def prepare(self, call: Publish) -> Progress:
        """Upload the files; later attempts use them again."""
        api = self._api(call.http, call.account.credentials)
        try:
            return await upload_all(
                api,
                call,
                author_of(call.account.platform_user_id),
                image_wait=self.settings.image_wait_seconds,
                video_wait=self.settings.media_wait_seconds,
            )
        except ApiError as error:
            raise meaning(error) from error

    async def publish(self, call: Publish) -> Published:
        """Create the post, once."""
        uploads = call.progress.get("media", ())
        if len(uploads) != len(call.content.parts[0].media):
            # Never without its pictures: the next attempt prepares again.
            raise Retryable("The files of this post are not uploaded yet.")
        post = post_of(author_of(call.account.platform_user_id), call.content, uploads)
        api = self._api(call.http, call.account.credentials)
        try:
            urn = await api.create_post(post, self.delivery.longest_call)
        except ApiError as error:
            raise meaning(error, sent=True) from error
        return Published(ids=[urn], url=self.post_url(call.account.username, urn))

    async def delete(self, http: AsyncClient, account: Account, post_id: str) -> None:
        """Delete a post; one that is gone already counts as deleted."""
        try:
            await self._api(http, account.credentials).delete_post(post_id)
        except ApiError as error:
            if error.status != 404:
                raise meaning(error) from error

    def post_url(self, account_name: str, post_id: str) -> str | None:
        """Return the page of a post; it goes by the URN alone."""
        return f"{self.settings.site_url.rstrip('/')}/feed/update/{post_id}"


class RenewingLinkedInPlatform(LinkedInPlatform):
    """LinkedIn for an app that it approved for programmatic refresh tokens.

    They live 365 days from the first grant on, which a refresh does not prolong (read 2026-08).
    """

    features = LinkedInPlatform.features | {Feature.REFRESH}

    def __init__(self, settings: LinkedInSettings) -> None:
        super().__init__(settings)
        self.delivery = replace(self.delivery, refresh="static")
