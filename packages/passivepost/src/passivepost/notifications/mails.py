"""The mails of PassivePost, each with a sample for previews."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from musekit.declarations import EmailTemplate

FAILED, ASKED, RECONNECT = "post-failed", "post-unconfirmed", "reconnect"
TREND = "trend-alert"


def _posts() -> Mapping[str, Any]:
    return {
        "space": "Juniper & Sons", "zone": "Europe/Berlin", "more": 2,
        "url": "https://app.example/dashboard/social/posts",
        "posts": [
            {"text": "Seedlings are in: come and look.", "platform": "Bluesky",
             "at": datetime(2026, 11, 23, 9, 0, tzinfo=UTC),
             "why": "The network refuses this post.",
             "url": "https://app.example/dashboard/social/posts/1"},
            {"text": "Open until six today.", "platform": "X",
             "at": datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
             "why": "It could not be sent in several tries; the network took none of them.",
             "url": "https://app.example/dashboard/social/posts/2"},
        ],
    }  # fmt: skip


TEMPLATES = (
    EmailTemplate(
        key=FAILED, label="A post was not published", category="product",
        template="passivepost/email/post-failed", sample=_posts,
    ),
    EmailTemplate(
        key=ASKED, label="A post needs a decision", category="product",
        template="passivepost/email/post-unconfirmed", sample=_posts,
    ),
    EmailTemplate(
        key=RECONNECT, label="An account has to be connected again", category="product",
        template="passivepost/email/reconnect",
        sample=lambda: {
            "space": "Juniper & Sons", "platform": "Bluesky", "handle": "juniper.example",
            "why": "The sign-in was withdrawn there.", "waiting": 3,
            "url": "https://app.example/dashboard/social",
        },
    ),
    EmailTemplate(
        key=TREND, label="What is talked about now", category="trends",
        template="passivepost/email/trend-alert",
        sample=lambda: {
            "space": "Juniper & Sons", "more": 1,
            "url": "https://app.example/dashboard/social/compose",
            "trends": [
                {"platform": "Bluesky", "text": "Seed swaps in small towns",
                 "url": "https://bsky.app/hashtag/seedswap"},
                {"platform": "X", "text": "First frost", "url": None},
            ],
        },
    ),
)  # fmt: skip
