"""The events that webhooks may be told of, each with a sample of its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from musekit.declarations import WebhookEvent

PUBLISHED, FAILED = "post.published", "post.failed"
UNCONFIRMED, DISCONNECTED = "post.unconfirmed", "account.disconnected"

_POST: Mapping[str, Any] = {
    "id": "0193571e-7a10-7c62-9f6e-2f4a3d1b8c55",
    "platform": "bluesky",
    "account_id": "0193571e-7a10-7c62-9f6e-2f4a3d1b8c56",
    "content": "Seedlings are in.",
    "scheduled_at": "2026-11-23T09:00:00+00:00",
    "posted_at": None,
    "platform_post_id": None,
    "url": None,
    "reason": None,
    "message": None,
}

EVENTS = (
    WebhookEvent(
        key=PUBLISHED, label="A post is live",
        sample={
            "post": {
                **_POST, "posted_at": "2026-11-23T09:00:01+00:00",
                "platform_post_id": "3lbn4x2vkqk2a",
                "url": "https://bsky.app/profile/juniper.example/post/3lbn4x2vkqk2a",
            }
        },
    ),
    WebhookEvent(
        key=FAILED, label="A post was not published",
        sample={
            "post": {**_POST, "reason": "rejected", "message": "The network refuses this post."}
        },
    ),
    WebhookEvent(
        key=UNCONFIRMED, label="A post was sent without a confirmation",
        sample={
            "post": {**_POST, "reason": "unknown", "message": "The network did not answer in time."}
        },
    ),
    WebhookEvent(
        key=DISCONNECTED, label="An account was disconnected, or has to be connected again",
        sample={
            "account": {
                "id": "0193571e-7a10-7c62-9f6e-2f4a3d1b8c56", "platform": "bluesky",
                "handle": "juniper.example", "message": "The sign-in was withdrawn there.",
            }
        },
    ),
)  # fmt: skip
