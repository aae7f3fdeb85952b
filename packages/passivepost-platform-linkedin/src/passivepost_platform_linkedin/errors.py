"""What an error of LinkedIn means to the publisher.

Facts: error handling and versioning guides, recordings of 2023-02 and 2026-05, public issue threads
of n8n, Composio, postiz and Nango (read 2026-08).
"""

from __future__ import annotations

from passivepost.api import (
    AuthExpired,
    AuthRevoked,
    Duplicate,
    Misconfigured,
    OutcomeUnknown,
    PlatformError,
    Rejected,
    Retryable,
)
from passivepost_platform_linkedin.answers import ApiError

#: Seconds until an upload that is not there yet is looked at again.
UPLOAD_PAUSE = 15.0


def meaning(error: ApiError, *, sent: bool = False) -> PlatformError:
    """Classify an answer.

    Args:
        sent: it answers a create, which may be live after a fault of LinkedIn.
    """
    if error.status == 426 or error.code == "NONEXISTENT_VERSION":
        return Misconfigured(
            "LinkedIn has ended this version of its API. Set PASSIVEPOST_PLATFORM_LINKEDIN_VERSION"
            f" to a newer one (YYYYMM), then restart. LinkedIn says: {error.detail}"
        )
    if error.status == 401:
        return _unauthorized(error)
    if error.status == 429:
        return Retryable(
            "LinkedIn's limit for today is reached. It begins anew at midnight UTC.",
            retry_after=error.wait,
            rate_limited=True,
        )
    if 400 <= error.status < 500 and error.status != 408:
        return _refusal(error, sent)
    words = f"LinkedIn had a fault ({error.status})."
    return OutcomeUnknown(words) if sent else Retryable(words)


def _unauthorized(error: ApiError) -> PlatformError:
    if error.code == "REVOKED_ACCESS_TOKEN":
        return AuthRevoked("LinkedIn says that the access was taken back. Connect again.")
    return AuthExpired("LinkedIn no longer accepts the access token. Connect again.")


def _refusal(error: ApiError, sent: bool) -> PlatformError:
    said = error.detail.lower()
    if error.code == "DUPLICATE_POST" or error.duplicate_of:
        # Evidence, no proof: LinkedIn names posts, too, that were deleted a day or two ago
        # (Composio #2710, 2026).
        which = f" as {error.duplicate_of}" if error.duplicate_of else ""
        return Duplicate(
            f"LinkedIn says it already has this post{which}.", existing_id=error.duplicate_of
        )
    if "MEDIA_ASSET_WAITING_UPLOAD" in f"{error.code} {error.detail}":
        return Retryable("LinkedIn is not done with an uploaded file.", retry_after=UPLOAD_PAUSE)
    if "unable to obtain activity" in said:
        # Passing, as postiz saw (2026-08); it reads as if the post were made and then not found.
        words = "LinkedIn had a fault (unable to obtain activity)."
        return OutcomeUnknown(words) if sent else Retryable(words)
    if error.status == 403 and "resource is forbidden" in said:
        return Retryable("LinkedIn refused for a moment (resource is forbidden).")  # postiz, too
    if error.status == 403 and (error.code == "ACCESS_DENIED" or "not enough permission" in said):
        return Misconfigured(
            "LinkedIn does not let this app post for members. The app needs the product “Share on"
            f" LinkedIn”, and the person's leave for w_member_social. LinkedIn says: {error.detail}"
        )
    return Rejected(f"LinkedIn refuses this: {error.detail}")
