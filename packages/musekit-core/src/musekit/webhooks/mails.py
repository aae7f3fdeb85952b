"""The mail of webhooks, with a sample for previews."""

from __future__ import annotations

from datetime import UTC, datetime

from musekit.declarations import EmailTemplate

TEMPLATES = (
    EmailTemplate(
        key="webhook-disabled", label="A webhook was switched off",
        template="musekit/email/webhooks/webhook-disabled",
        sample=lambda: {
            "address": "hooks.example", "space": "Juniper & Sons", "reason": "failing",
            "since": datetime(2026, 11, 18, 9, 30, tzinfo=UTC), "zone": "UTC",
            "url": "https://app.example/organization/webhooks",
        },
    ),
)  # fmt: skip
