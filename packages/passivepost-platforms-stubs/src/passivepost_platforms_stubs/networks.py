"""The declared networks, each with what is known of its limits.

Facts and where they are from (each with the date of the copy that was read):

* Instagram: Meta's reference of ``media_publish`` (January 2025) and the Graph API's machine
  description of IGUser and IGMedia (v25.0, 2026-08): caption ≤ 2,200 characters, carousel of
  2–10, media fetched from a public address, containers and then one publish. JPEG only.
* YouTube: discovery document youtube v3, revision 20260601, and Google's table of quota costs
  (2026): title ≤ 100, description ≤ 5,000 characters; 100 uploads a day and project.
* TikTok: recorded answers of the Content Posting API (2026-05-26): title ≤ 2,200 characters;
  apps that are not audited may post for the author alone.
* Reddit: praw's recordings at 7b697581 (2026-08-17): title ≤ 300 characters; self-service API keys
  ended in November 2025.
* Pinterest: pinterest/api-description v5.23.0 (2025-12-11): title ≤ 100, description ≤ 800, alt
  text ≤ 500 characters, carousel of 2–5 pictures.
* Snapchat: pages of two vendors (2026); no public specification. Spotlight's description ≤ 160
  characters, pictures ≤ 20 MB, video of 5–60 s and ≤ 500 MB.
* Discord: discord/discord-api-docs at c98d64bc (2026-08-06): content ≤ 2,000 characters, files
  ≤ 10 MiB, ``nonce`` with ``enforce_nonce`` for messages of bots.

Sizes, durations and alt texts not named here were not read anywhere: they are the authors' own
knowledge, shown and never enforced. So are the longest calls, until a package measures them.
"""

from __future__ import annotations

from passivepost.api import Capabilities, Delivery, MediaRule, TextRule
from passivepost_platforms_stubs.icons import ICONS
from passivepost_platforms_stubs.stub import Network, OAuthShape, StubPlatform, make_stub

JPEG = frozenset({"image/jpeg"})
PICTURES = frozenset({"image/jpeg", "image/png"})
MP4 = frozenset({"video/mp4"})
MB = 1_000_000
MIB = 1 << 20

NETWORKS = (
    Network(
        name="instagram",
        label="Instagram",
        color="#e4405f",
        icon=ICONS["instagram"],
        reason="Meta lets only reviewed apps publish, and no package for it is written yet.",
        capabilities=Capabilities(
            text=TextRule(limit=2200),
            images=MediaRule(mimes=JPEG, max_count=10, max_bytes=8 * MB, alt_limit=1000),
            video=MediaRule(mimes=MP4, max_count=10, max_bytes=300 * MB, max_seconds=900),
            needs_media=True,
            text_required=False,
        ),
        delivery=Delivery(
            idempotency="two_step",
            read_back="no",
            duplicate_signal="none",
            refresh="none",
            longest_call=240,
        ),
        oauth=OAuthShape(
            authorize_url="https://www.instagram.com/oauth/authorize",
            token_url="https://api.instagram.com/oauth/access_token",  # noqa: S106 - an address
            scopes=("instagram_business_basic", "instagram_business_content_publish"),
        ),
    ),
    Network(
        name="youtube",
        label="YouTube",
        color="#ff0000",
        icon=ICONS["youtube"],
        reason="Google keeps uploads of unaudited apps private, and no package is written yet.",
        capabilities=Capabilities(
            text=TextRule(limit=5000),
            video=MediaRule(mimes=MP4, max_count=1, max_bytes=256_000 * MB, max_seconds=43_200),
            needs_media=True,
        ),
        delivery=Delivery(
            idempotency="two_step",
            read_back="no",
            duplicate_signal="none",
            refresh="none",
            longest_call=600,
        ),
        oauth=OAuthShape(
            authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
            token_url="https://oauth2.googleapis.com/token",  # noqa: S106 - an address
            scopes=(
                "https://www.googleapis.com/auth/youtube.upload",
                "https://www.googleapis.com/auth/youtube.readonly",
            ),
            pkce=True,
            extra_params={"access_type": "offline", "prompt": "consent"},
        ),
    ),
    Network(
        name="tiktok",
        label="TikTok",
        color="#010101",
        icon=ICONS["tiktok"],
        reason="TikTok shows posts of unaudited apps to nobody else; no package is written yet.",
        capabilities=Capabilities(
            text=TextRule(limit=2200),
            video=MediaRule(mimes=MP4, max_count=1, max_bytes=4000 * MB, max_seconds=600),
            needs_media=True,
            text_required=False,
        ),
        delivery=Delivery(
            idempotency="two_step",
            read_back="no",
            duplicate_signal="none",
            refresh="none",
            longest_call=300,
        ),
        oauth=OAuthShape(
            authorize_url="https://www.tiktok.com/v2/auth/authorize/",
            token_url="https://open.tiktokapis.com/v2/oauth/token/",  # noqa: S106 - an address
            scopes=("user.info.basic", "video.publish", "video.list"),
            pkce=True,
        ),
    ),
    Network(
        name="reddit",
        label="Reddit",
        color="#ff4500",
        icon=ICONS["reddit"],
        reason="Reddit approves each new app by hand, and no package for it is written yet.",
        capabilities=Capabilities(
            text=TextRule(limit=300),
            images=MediaRule(mimes=PICTURES, max_count=1, max_bytes=20 * MB),
        ),
        delivery=Delivery(
            idempotency="none",
            read_back="no",
            duplicate_signal="no_id",
            refresh="none",
            longest_call=60,
        ),
        oauth=OAuthShape(
            authorize_url="https://www.reddit.com/api/v1/authorize",
            token_url="https://www.reddit.com/api/v1/access_token",  # noqa: S106 - an address
            scopes=("identity", "submit", "read", "flair"),
            extra_params={"duration": "permanent"},
        ),
    ),
    Network(
        name="pinterest",
        label="Pinterest",
        color="#bd081c",
        icon=ICONS["pinterest"],
        reason="No package for Pinterest is written yet.",
        capabilities=Capabilities(
            text=TextRule(limit=800),
            images=MediaRule(mimes=PICTURES, max_count=5, max_bytes=20 * MB, alt_limit=500),
            video=MediaRule(mimes=MP4, max_count=1, max_bytes=2000 * MB, max_seconds=900),
            needs_media=True,
            text_required=False,
        ),
        delivery=Delivery(
            idempotency="none",
            read_back="no",
            duplicate_signal="none",
            refresh="none",
            longest_call=60,
        ),
        oauth=OAuthShape(
            authorize_url="https://www.pinterest.com/oauth/",
            token_url="https://api.pinterest.com/v5/oauth/token",  # noqa: S106 - an address
            scopes=(
                "user_accounts:read", "boards:read", "boards:write", "pins:read", "pins:write",
            ),
        ),
    ),
    Network(
        name="snapchat",
        label="Snapchat",
        color="#fffc00",
        icon=ICONS["snapchat"],
        reason="Snapchat opens its Public Profile API to invited partners only.",
        capabilities=Capabilities(
            text=TextRule(limit=160),
            images=MediaRule(mimes=PICTURES, max_count=1, max_bytes=20 * MB),
            video=MediaRule(mimes=MP4, max_count=1, max_bytes=500 * MB, max_seconds=60),
            needs_media=True,
            text_required=False,
        ),
        delivery=Delivery(
            idempotency="none",
            read_back="no",
            duplicate_signal="none",
            refresh="none",
            longest_call=120,
        ),
        oauth=OAuthShape(
            authorize_url="https://accounts.snapchat.com/login/oauth2/authorize",
            token_url="https://accounts.snapchat.com/login/oauth2/access_token",  # noqa: S106
            scopes=("snapchat-profile-api",),
        ),
    ),
    Network(
        name="discord",
        label="Discord",
        color="#5865f2",
        icon=ICONS["discord"],
        reason="No package for Discord is written yet.",
        capabilities=Capabilities(
            text=TextRule(limit=2000),
            images=MediaRule(mimes=PICTURES, max_count=10, max_bytes=10 * MIB, alt_limit=1024),
            video=MediaRule(mimes=MP4, max_count=10, max_bytes=10 * MIB),
        ),
        delivery=Delivery(
            idempotency="native",
            read_back="no",
            duplicate_signal="none",
            refresh="none",
            longest_call=30,
        ),
        oauth=OAuthShape(
            authorize_url="https://discord.com/oauth2/authorize",
            token_url="https://discord.com/api/v10/oauth2/token",  # noqa: S106 - an address
            scopes=("webhook.incoming",),
        ),
    ),
)  # fmt: skip


def make_platforms() -> list[StubPlatform]:
    """Return one platform object per network."""
    return [make_stub(network) for network in NETWORKS]
