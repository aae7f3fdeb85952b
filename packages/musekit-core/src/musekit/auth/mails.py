"""The mails of sign-in, each with a sample for previews."""

from __future__ import annotations

from datetime import UTC, datetime

from musekit.declarations import EmailTemplate

_LINK = "https://app.example/verify/sample-of-a-link-that-opens-nothing"
_WHEN = {"zone": "Europe/Berlin", "at": datetime(2026, 11, 23, 9, 30, tzinfo=UTC)}
_ADDRESSES = {"old": "ada@example.com", "new": "lovelace@example.com"}

TEMPLATES = (
    EmailTemplate(
        key="verify-email", label="Confirm the address", template="musekit/email/auth/verify-email",
        sample=lambda: {"url": _LINK, "hours": 48},
    ),
    EmailTemplate(
        key="reset-password", label="Choose a new password",
        template="musekit/email/auth/reset-password", category="security",
        sample=lambda: {"url": _LINK.replace("verify", "reset"), "minutes": 60},
    ),
    EmailTemplate(
        key="password-changed", label="The password was changed",
        template="musekit/email/auth/password-changed", category="security",
        sample=lambda: {
            "url": "https://app.example/forgot", "ip": "192.0.2.7", "tokens": 2,
            **_WHEN,
        },
    ),
    *(
        EmailTemplate(
            key=f"change-email-{side}", label=label, category="security",
            template=f"musekit/email/auth/change-email-{side}",
            sample=lambda: {
                "url": _LINK.replace("verify", "change-email"), "hours": 48, **_ADDRESSES
            },
        )
        for side, label in (
            ("new", "Change the address: to the new one"),
            ("old", "Change the address: to the old one"),
        )
    ),
    EmailTemplate(
        key="email-changed", label="The address was changed", category="security",
        template="musekit/email/auth/email-changed",
        sample=lambda: {
            "url": "https://app.example/account/security", "ip": "192.0.2.7", **_ADDRESSES, **_WHEN
        },
    ),
    EmailTemplate(
        key="new-sign-in", label="A browser that is new", category="security",
        template="musekit/email/auth/new-sign-in",
        sample=lambda: {
            "url": "https://app.example/account/security", "ip": "192.0.2.7",
            "browser": "Firefox on Linux", **_WHEN,
        },
    ),
    EmailTemplate(
        key="impersonation-notice", label="The operator acts as the person", category="security",
        template="musekit/email/auth/impersonation-notice",
        sample=lambda: {
            "url": "https://app.example/account/sessions", "minutes": 60,
            "reason": "You wrote that the calendar is empty.", **_WHEN,
        },
    ),
    EmailTemplate(
        key="factors-changed", label="A second factor was changed", category="security",
        template="musekit/email/auth/factors-changed",
        sample=lambda: {
            "what": "recovery_code.used", "left": 9, "ip": "192.0.2.7", **_WHEN,
            "url": "https://app.example/account/security",
        },
    ),
    EmailTemplate(
        key="account-exists", label="There is an account already",
        template="musekit/email/auth/account-exists",
        sample=lambda: {
            "url": "https://app.example/sign-in", "forgot_url": "https://app.example/forgot"
        },
    ),
    EmailTemplate(
        key="account-deleted", label="The account is deleted", category="security",
        template="musekit/email/auth/account-deleted",
        sample=lambda: {"ip": "192.0.2.7", **_WHEN},
    ),
)  # fmt: skip
