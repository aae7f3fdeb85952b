"""Templates of mail as they will look, with samples that are nobody's; and one sent for a try."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from html import unescape
from typing import NamedTuple
from uuid import UUID

from starlette.requests import Request

from musekit.admin import users
from musekit.admin.rules import SYSTEM
from musekit.audit import service as audit
from musekit.declarations import EmailTemplate
from musekit.email.render import Written, writer_of
from musekit.email.service import JOB, queue
from musekit.errors import NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.listing import words

logger = logging.getLogger(__name__)
_STYLE = re.compile(r"\sstyle=\"([^\"]*)\"", re.IGNORECASE)


class Letter(NamedTuple):
    """A template, who brings it, and what it makes of its sample."""

    template: EmailTemplate
    plugin: str
    written: Written | None
    fault: str  #: why it could not be written; empty if it could


def listed(host: Host, *, search: str = "") -> list[tuple[EmailTemplate, str]]:
    """Return every template with its plugin, by plugin, category and name.

    Args:
        search: part of its key or of its name.
    """
    text = words(search).casefold()
    found = [
        (each, host.registry.owner_of(f"template {key}") or "")
        for key, each in host.registry.email_templates.items()
        if text in f"{key} {each.label}".casefold()
    ]
    return sorted(found, key=lambda pair: (pair[1], pair[0].category, pair[0].label))


def letter(host: Host, key: str) -> Letter:
    """Write a template with its sample.

    Raises:
        NotFoundError: no active plugin has declared it.
    """
    template = host.registry.email_templates.get(key)
    if template is None:
        raise NotFoundError("No active plugin has a mail of this name.")
    plugin = host.registry.owner_of(f"template {key}") or ""
    try:
        return Letter(template, plugin, writer_of(host).write(template, template.sample()), "")
    except Exception as error:
        logger.exception("The mail %s of plugin %s cannot be written", key, plugin)
        return Letter(template, plugin, None, f"{type(error).__name__}: {error}")


def policy_for(html: str) -> str:
    """Return the content security policy under which a mail's HTML is shown: nothing but its looks.

    Mails carry their styles inline, as mail programs want it. Each is named by its hash, so that
    nothing else inline is let through; scripts, forms and addresses outside are not at all.
    """
    styles = {unescape(each) for each in _STYLE.findall(html)}
    hashes = sorted(f"'sha256-{_digest(each)}'" for each in styles)
    looks = f"style-src 'unsafe-hashes' {' '.join(hashes)}" if hashes else "style-src 'none'"
    return f"default-src 'none'; {looks}; img-src data:; frame-ancestors 'self'; sandbox"


def _digest(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def send_to_oneself(request: Request, host: Host, actor: Actor, key: str) -> UUID | None:
    """Send a mail with its sample to the operator who asks; an edge.

    Returns:
        The mail's id; None if nothing is sent to their mailbox.

    Raises:
        NotFoundError: no active plugin has declared it, or its sample makes no mail.
    """
    found = letter(host, key)
    if found.written is None:
        raise NotFoundError("This mail cannot be written from its sample. Nothing was sent.")
    assert actor.user_id is not None
    with host.database.session(SYSTEM) as session:
        me = users.one(session, actor.user_id)
        sent = queue(session, host, key, to=me, context=found.template.sample())
        audit.record(
            session, actor, "mail.tried", target=("template", key), request=request,
            detail={"suppressed": sent is None},
        )  # fmt: skip
    if sent is not None:
        host.broker.enqueue(JOB)
    return sent
