"""The mails of billing, each with a sample for previews."""

from __future__ import annotations

from datetime import UTC, datetime

from musekit.declarations import EmailTemplate

_FOLDER = "musekit/email/billing"
_SAMPLE = {
    "what": "planned", "product": "PassivePost", "plan": "Agency", "before": "Creator",
    "next": "Creator", "amount": "$29.00", "every": "month", "zone": "Europe/Berlin",
    "until": datetime(2026, 12, 23, 9, 30, tzinfo=UTC), "url": "https://app.example/billing",
}  # fmt: skip

TEMPLATES = (
    EmailTemplate(
        key="subscription-changed", label="A plan has changed",
        template=f"{_FOLDER}/subscription-changed", sample=lambda: _SAMPLE,
    ),
    EmailTemplate(
        key="payment-failed", label="A payment did not go through",
        template=f"{_FOLDER}/payment-failed",
        sample=lambda: _SAMPLE | {"what": "past_due"},
    ),
    EmailTemplate(
        key="trial-ending", label="A trial ends soon", template=f"{_FOLDER}/trial-ending",
        sample=lambda: _SAMPLE | {"what": "trial"},
    ),
)  # fmt: skip
