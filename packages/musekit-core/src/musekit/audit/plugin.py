"""The face of the audit log: who may read it, and where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from musekit import hookimpl
from musekit.declarations import NavItem, Permission, RouteSet
from musekit.kernel.host import Host


@hookimpl
def musekit_register_permissions() -> Iterable[Permission]:
    """Give the right to read who did what."""
    return [Permission(key="audit.read", label="Read the audit log", lowest_role="admin")]


@hookimpl
def musekit_register_routes(host: Host) -> Iterable[RouteSet]:
    """Give ``/api/audit…``."""
    from musekit.audit import routes

    return [RouteSet(router=routes.router)]


@hookimpl
def musekit_register_pages(host: Host) -> Iterable[RouteSet]:
    """Give ``/organization/audit`` and ``/account/activity``."""
    from musekit.audit import pages

    return [RouteSet(router=pages.router)]


@hookimpl
def musekit_register_navigation() -> Iterable[NavItem]:
    """Give a tab of the organization, and one of the account."""
    return [
        NavItem(
            label="Audit log", href="/organization/audit", group="Organization",
            area="organization", icon="scroll-text", weight=80, permission="audit.read",
        ),
        NavItem(
            label="Activity", href="/account/activity", group="Account", area="account",
            icon="scroll-text", weight=5,
        ),
    ]  # fmt: skip


@hookimpl
def musekit_export_user_data(session: Session, user_id: UUID) -> Mapping[str, Any]:
    """Return what the person did with their own account, such as signing in; the newest first."""
    from musekit.audit.reading import exported

    return {"activity": exported(session, user_id)}
