"""The mails of organizations, each with a sample for previews."""

from __future__ import annotations

from musekit.declarations import EmailTemplate

_FOLDER = "musekit/email/organizations"
_SAMPLE = {
    "organization": "Juniper & Sons", "url": "https://app.example/organization",
    "person": "Ada Lovelace", "role": "editor",
}  # fmt: skip

TEMPLATES = (
    EmailTemplate(
        key="invitation", label="Invitation to an organization", template=f"{_FOLDER}/invitation",
        sample=lambda: {
            "url": "https://app.example/invite/sample-of-a-link-that-opens-nothing", "days": 7,
            "organization": "Juniper & Sons", "inviter": "Ada Lovelace",
        },
    ),
    EmailTemplate(
        key="member-joined", label="Somebody joined by an invitation",
        template=f"{_FOLDER}/member-joined", sample=lambda: _SAMPLE,
    ),
    EmailTemplate(
        key="role-changed", label="Another role in an organization",
        template=f"{_FOLDER}/role-changed", sample=lambda: _SAMPLE,
    ),
    EmailTemplate(
        key="organization-transferred", label="An organization was handed over",
        template=f"{_FOLDER}/organization-transferred", category="security",
        sample=lambda: _SAMPLE
        | {"owner": "Ada Lovelace", "before": "Charles Babbage", "is_owner": True},
    ),
    EmailTemplate(
        key="organization-deleted", label="An organization was deleted",
        template=f"{_FOLDER}/organization-deleted", category="security",
        sample=lambda: {"organization": "Juniper & Sons", "person": "Ada Lovelace"},
    ),
)  # fmt: skip
