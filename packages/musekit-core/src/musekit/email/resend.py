"""Mail by Resend's HTTP API: each mail under a key by which a second try is not a second mail.

Facts are from Resend's description of its API (resend-openapi 1.5.0, August 2026) and from
https://resend.com/docs/dashboard/emails/idempotency-keys and /docs/api-reference/errors (November
2026). Not in there, but told by people who tried: a wrong key is answered by 400, not 403.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from musekit.email.mail import Address, Mail, mailbox
from musekit.email.settings import EmailSettings
from musekit.email.transports import Outcome, Sender
from musekit.kernel.outbound.errors import Interrupted, NotSent

if TYPE_CHECKING:
    from musekit.kernel.host import Host
    from musekit.kernel.outbound.response import Response

#: Seconds for one call. One whose answer did not come is asked again under the same key.
TIMEOUT = 30.0
#: Resend forgets keys after 24 hours; one less, for clocks and calls that take long.
KEY_LASTS_HOURS = 23.0
#: Longest wait that is granted to who asks for one, in seconds.
_LONGEST_WAIT = 3600.0
#: The tag by which its events name our mail; letters, digits, ``_`` and ``-`` are allowed.
TAG = "musekit_mail"
#: Characters of an error's message that go into the outbox.
_MOST = 300
_IN_USE = "concurrent_idempotent_requests"
#: Errors that any mail would meet: the key, the sender's domain, the address of the API.
_ABOUT_US = (401, 403, 404, 405)
_OUR_SENDER = "invalid_from_address"
_OUR_KEY = "api key"


class ResendTransport:
    """Delivery by the account whose key the settings give."""

    name = "resend"
    keeps = False
    copies_known_for_hours: float | None = KEY_LASTS_HOURS

    def __init__(self, host: Host, settings: EmailSettings) -> None:
        self._host, self._settings = host, settings

    @contextmanager
    def open(self) -> Iterator[Sender]:
        """Return itself: connections are kept by the host's client."""
        yield self

    def send(self, mail: Mail) -> Outcome:
        """Try once to send."""
        given = self._settings.resend_api_key
        key = given.get_secret_value() if given else ""
        portal = self._host.portal
        try:
            # Bound first: the portal has a `timeout` of its own, which says nothing of what was
            # sent; the client's ends as `NotSent` or `Interrupted`.
            post = partial(
                portal.client.post, f"{self._settings.resend_url}/emails", json=_message(mail),
                timeout=TIMEOUT,
                headers={
                    "Authorization": f"Bearer {key}",
                    "Idempotency-Key": str(mail.id),
                },
            )  # fmt: skip
            answer = portal.call(post)
        except NotSent as error:
            return Outcome(kind="later", detail=str(error)[:_MOST], down=True)
        except Interrupted as error:
            return Outcome(kind="unknown", detail=str(error)[:_MOST])
        return _outcome(answer, key)


def _message(mail: Mail) -> dict[str, Any]:
    message: dict[str, Any] = {
        "from": _shown(mail.sender), "to": [_shown(mail.to)], "subject": mail.subject,
        "html": mail.html, "text": mail.text, "tags": [{"name": TAG, "value": mail.id.hex}],
        "headers": {"Auto-Submitted": "auto-generated", **mail.headers},
    }  # fmt: skip
    if mail.reply_to:
        message["reply_to"] = mail.reply_to
    return message


def _shown(address: Address) -> str:
    return str(mailbox(address))


def _outcome(answer: Response, key: str) -> Outcome:
    status = answer.status_code
    told = _told(answer)
    if status == 200:
        reference = told.get("id")
        if isinstance(reference, str) and reference:
            return Outcome(kind="accepted", reference=reference[:200])
        return Outcome(kind="unknown", detail="200, and no answer of Resend")
    name, words = str(told.get("name", "")), str(told.get("message", ""))
    detail = " ".join(f"{status} {name} {words}".replace(key, "…").split())[:_MOST]
    if status == 429:
        # The rate, or the quota of a day or a month: it concerns every mail.
        return Outcome(kind="later", detail=detail, down=True, wait=_wait(answer))
    if status == 409 and name == _IN_USE:
        # The other try is still being worked on; what comes of it is told under the key.
        return Outcome(kind="unknown", detail=detail)
    if status >= 500 or status == 408:
        return Outcome(kind="unknown", detail=detail)
    if status in _ABOUT_US or name == _OUR_SENDER or _OUR_KEY in words.casefold():
        return Outcome(kind="later", detail=detail, down=True)
    if 400 <= status < 500:
        return Outcome(kind="refused", detail=detail)
    return Outcome(kind="later", detail=f"{detail}: no answer of Resend", down=True)


def _told(answer: Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _wait(answer: Response) -> float:
    text = answer.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_WAIT) if re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text) else 0.0
