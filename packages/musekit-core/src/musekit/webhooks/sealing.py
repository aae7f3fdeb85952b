"""Secrets of endpoints at rest: at most two live at a time, encrypted in one column."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from musekit.kernel.crypto.keyring import DecryptionError
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.webhooks.models import WebhookEndpoint
from musekit.webhooks.signing import new_secret

_PLACE = {"table": "webhook_endpoints", "column": "secrets_encrypted"}
#: How long the secret before still signs after another was made.
OVERLAP = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Secret:
    """One secret. `until`: when it stops to sign (RFC 3339); None: not yet known."""

    id: str
    secret: str
    until: str | None = None

    def is_live(self, now: datetime) -> bool:
        """True while it signs."""
        return self.until is None or datetime.fromisoformat(self.until) > now


def fresh(host: Host, row: WebhookEndpoint) -> str:
    """Give a new endpoint its first secret, and return it: it is shown this once."""
    secret = new_secret()
    _seal(host, row, [Secret(id=str(new_id()), secret=secret)])
    return secret


def rotate(host: Host, row: WebhookEndpoint, *, at_once: bool = False) -> str:
    """Give an endpoint another secret, and return it: it is shown this once.

    The one before signs beside it for a day, so that the receiver can be changed in between; one
    that was ending already ends now.

    Args:
        at_once: the old one ends now, for somebody else has it.

    Raises:
        DecryptionError: what is stored cannot be read; with `at_once` it need not be.
    """
    secret, now = new_secret(), utc_now()
    kept = []
    if not at_once:
        newest = open_all(host, row)[0]
        kept = [Secret(id=newest.id, secret=newest.secret, until=(now + OVERLAP).isoformat())]
    _seal(host, row, [Secret(id=str(new_id()), secret=secret), *kept])
    return secret


def open_all(host: Host, row: WebhookEndpoint) -> list[Secret]:
    """Return the secrets of an endpoint that are live, the newest first. Raises DecryptionError."""
    plain = host.keyring.decrypt(
        row.secrets_encrypted, **_PLACE, row=row.id, space=row.space_id
    )  # fmt: skip
    now = utc_now()
    return [each for each in (Secret(**kept) for kept in json.loads(plain)) if each.is_live(now)]


def rotating_until(host: Host, row: WebhookEndpoint) -> datetime | None:
    """Return when the secret before stops to sign; None: there is none, or it cannot be read."""
    try:
        ends = [each.until for each in open_all(host, row) if each.until]
    except DecryptionError:
        return None
    return datetime.fromisoformat(ends[0]) if ends else None


def _seal(host: Host, row: WebhookEndpoint, secrets: Sequence[Secret]) -> None:
    plain = json.dumps([asdict(each) for each in secrets])
    row.secrets_encrypted = host.keyring.encrypt(plain, **_PLACE, row=row.id, space=row.space_id)
