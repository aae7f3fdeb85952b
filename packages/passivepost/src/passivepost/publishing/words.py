"""One sentence for each state of a post, saying what happens next. API and pages both use these."""

from __future__ import annotations

from datetime import datetime

#: By status, where neither a hold nor a review says more.
STATUS = {
    "draft": "A draft. Nothing happens until you schedule it.",
    "scheduled": "Goes out at its time.",
    "approved": "Approved; goes out at its time.",
    "queued": "Due; goes out in a moment.",
    "posting": "Being sent right now.",
    "posted": "Live.",
    "failed": "Not published. Change it or schedule it again.",
    "ignored": "Set aside. Nothing happens to it.",
}

#: Why a due post waits.
HOLD = {
    "reconnect": "The network no longer accepts the connection. Connect the account again and"
    " the post goes out.",
    "rate_limited": "The network asks us to wait. The post goes out by itself when the wait ends.",
    "quota": "The plan's limit is reached. The post waits; upgrade or move it to another day.",
    "platform_down": "The network is not answering. The post goes out by itself when it is back.",
    "media_missing": "A picture or video is gone or has changed. Put it back or choose another.",
    "paused": "Publishing is paused. The post waits until somebody continues it.",
    "platform_missing": "The package of this network is not installed. The post waits for it.",
    "late": "Its time passed while it could not be sent. Send it now, or choose a new time.",
    "misconfigured": "The network refuses this installation's set-up. The operator has to mend it;"
    " the post waits.",
}

#: A person's view of an unknown outcome. The word "failed" never appears here.
UNCONFIRMED = (
    "Sent, but the network did not confirm it. We keep looking; check the account before you"
    " send it again."
)
UNCONFIRMED_ASK = (
    "Sent, not confirmed, and it cannot be found out by itself. Check the account: is it live?"
)

#: How known failures are told.
FAILURE = {
    "rejected": "The network refuses this post.",
    "duplicate": "The network says it already has this post.",
    "retries": "It could not be sent in several tries; the network took none of them.",
    "missed": "Its time passed while it could not be sent, so it was not sent.",
    "poison": "Preparing it ended the publisher twice, so it was set aside unsent.",
    "dropped": "You said it is not live and should not be sent again.",
}

#: Outcomes of attempts, for the list of attempts.
OUTCOME = {
    None: "Under way, or interrupted.",
    "confirmed": "Published; the network confirmed it.",
    "not_sent": "Known not sent.",
    "rejected": "Refused by the network.",
    "duplicate": "Refused as a repeat.",
    "unknown": "Sent, not confirmed.",
    "reconciled_live": "Found live on the network.",
    "reconciled_absent": "Looked for several times; not on the network.",
    "resolved_live": "Confirmed by a person.",
    "resolved_absent": "A person found it is not live.",
}


def sentence(
    status: str,
    *,
    hold: str | None = None,
    hold_detail: str | None = None,
    review: str | None = None,
    reconcile_at: datetime | None = None,
    failure_kind: str | None = None,
) -> str:
    """Return what there is to say about a post, from its status and its `PublishState`."""
    if review == "unconfirmed":
        return UNCONFIRMED if reconcile_at else UNCONFIRMED_ASK
    if status == "failed" and failure_kind:
        return FAILURE.get(failure_kind, STATUS["failed"])
    if hold:
        return " ".join(filter(None, (HOLD[hold], hold_detail)))
    return STATUS[status]
