"""What Resend tells of mails that have left: bounces, complaints, and what it would not deliver.

Webhooks are signed as Standard Webhooks have it, under the names of Svix. Each may come several
times, late and in any order; what one says is written down once, whatever came before.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from musekit.auth.accounts import email_key
from musekit.email import suppression
from musekit.email.models import OutboxMail
from musekit.email.resend import TAG
from musekit.errors import MuseKitError

#: Seconds that a signature stays good, either way.
TOLERANCE = 300
_REFERENCE = re.compile(r"[A-Za-z0-9_-]{8,100}")
_SUPPRESSED: dict[str, suppression.Reason] = {
    "previous_bounce": "bounce", "previous_complaint": "complaint"
}  # fmt: skip


class NotSignedError(MuseKitError):
    """A webhook that Resend did not send to us, or too long ago."""

    status, code, title = 400, "bad-signature", "Not signed by Resend"


class Word(NamedTuple):
    """What an event says of a mail: in words, and why its mailbox is to get nothing more, if so."""

    detail: str
    silences: suppression.Reason | None = None


def verified(keys: Sequence[bytes], body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the event in a body that one of the keys has signed.

    Args:
        headers: with ``svix-id``, ``svix-timestamp`` and ``svix-signature``.

    Raises:
        NotSignedError: it is not signed, not with a live key, not now, or no event.
    """
    number, when = headers.get("svix-id", ""), headers.get("svix-timestamp", "")
    on_time = re.fullmatch(r"\d{1,12}", when) and abs(time.time() - int(when)) <= TOLERANCE
    parts = headers.get("svix-signature", "").split()[:10]
    given = [part[3:] for part in parts if part.startswith("v1,")]
    signed = f"{number}.{when}.".encode() + body
    made = [hmac.digest(key, signed, hashlib.sha256) for key in keys]
    if not (number and on_time and any(_same(a, b) for a in made for b in given)):
        raise NotSignedError("The signature is missing, wrong or too old. Nothing was done.")
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict) or not isinstance(event.get("data"), dict):
        raise NotSignedError("The body is no event of Resend. Nothing was done.")
    return event


def _same(made: bytes, given: str) -> bool:
    try:
        return hmac.compare_digest(made, base64.b64decode(given, validate=True))
    except (binascii.Error, ValueError):
        return False


def apply(session: Session, event: Mapping[str, Any]) -> bool:
    """Write down what an event says of a mail of ours; False if it says nothing to us.

    An account may send for several deployments: of others' mails nothing is believed, for whoever
    writes to one of them would silence a mailbox here.
    """
    data: Mapping[str, Any] = event["data"]
    word = _meaning(str(event.get("type")), data)
    if word is None:
        return False
    mailbox = session.scalar(
        update(OutboxMail)
        .where(_named(data), or_(OutboxMail.provider == "resend", OutboxMail.provider.is_(None)))
        .values(state="failed", last_error=word.detail, body_encrypted=None)
        .returning(OutboxMail.to_email)
        .execution_options(synchronize_session=False)
    )
    if mailbox is None:
        return False
    if word.silences is not None:
        suppression.add(
            session, email_key(mailbox), suppression.EVERYTHING, word.silences, word.detail
        )
    return True


def _named(data: Mapping[str, Any]) -> Any:
    """Return the condition for the mail of an event: by our tag, else by Resend's own id."""
    tags = data.get("tags")
    named = tags.get(TAG) if isinstance(tags, dict) else None
    try:
        return OutboxMail.id == UUID(hex=str(named))
    except ValueError:
        reference = str(data.get("email_id"))
        return OutboxMail.provider_ref == (reference if _REFERENCE.fullmatch(reference) else "-")


def _meaning(kind: str, data: Mapping[str, Any]) -> Word | None:
    about = data.get("bounce" if kind == "email.bounced" else kind.rpartition(".")[2])
    about = about if isinstance(about, dict) else {}
    words = " ".join(str(about.get("message") or about.get("reason") or "").split())[:200]
    if kind == "email.complained":
        return Word("complained: its reader calls it unwanted", silences="complaint")
    if kind == "email.bounced":
        lasting = about.get("type") == "Permanent"
        named = str(about.get("type") or "")[:20]
        return Word(f"bounced: {named} {words}", silences="bounce" if lasting else None)
    if kind == "email.suppressed":
        known = _SUPPRESSED.get(str(about.get("reason")))
        return Word(f"suppressed by Resend: {words}", silences=known)
    return Word(f"failed at Resend: {words}") if kind == "email.failed" else None
