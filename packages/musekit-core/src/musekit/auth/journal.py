"""Entries of the audit log about a person's own account.

They stand in no space: the space that somebody was in meanwhile may be a client's or an employer's,
whose admins read its log, and whether a colleague has changed their password is not their business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.audit import service as audit
from musekit.kernel.actors import Actor


def note(
    session: Session,
    actor: Actor,
    action: str,
    *,
    target: tuple[str, object],
    detail: Mapping[str, audit.Scalar] | None = None,
    request: Request | None = None,
) -> None:
    """Add an entry about the account of who acts; see `musekit.audit.service.record`."""
    audit.record(
        session, replace(actor, space_id=None), action, target=target, detail=detail,
        request=request,
    )  # fmt: skip
