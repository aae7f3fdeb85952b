"""The mails of plans, each with a sample for previews."""

from __future__ import annotations

from datetime import UTC, datetime

from musekit.declarations import EmailTemplate

TEMPLATES = (
    EmailTemplate(
        key="usage-near-limit", label="A limit is near", category="usage",
        template="musekit/email/products/usage-near-limit",
        sample=lambda: {
            "product": "PassivePost", "limit": "Posts a month", "used": 80, "most": 100,
            "space": "Juniper & Sons", "period": "2026-11",
            "url": "https://app.example/billing/plans", "zone": "UTC",
            "resets_at": datetime(2026, 12, 1, tzinfo=UTC),
        },
    ),
)  # fmt: skip
