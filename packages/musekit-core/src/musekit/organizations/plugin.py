"""The face of organizations: their rights, pages, routes and mails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from musekit import hookimpl
from musekit.declarations import (
    EmailTemplate,
    Job,
    NavItem,
    Permission,
    RouteSet,
    SettingsSection,
    WebhookEvent,
)
from musekit.kernel.host import Host
from musekit.kernel.queue.jobs import JobRun


@hookimpl
def musekit_register_settings() -> Iterable[SettingsSection]:
    """Give ``MUSEKIT_ORGANIZATIONS_…``."""
    from musekit.organizations.settings import OrganizationsSettings

    return [SettingsSection(model=OrganizationsSettings)]


@hookimpl
def musekit_register_permissions() -> Iterable[Permission]:
    """Give the rights in an organization; they come with the role in its spaces."""
    return [
        Permission(key="organization.read", label="See the organization", lowest_role="viewer"),
        Permission(
            key="organization.members.write", label="Invite and manage people", lowest_role="admin"
        ),
        Permission(
            key="organization.spaces.write", label="Make and name spaces", lowest_role="admin"
        ),
        Permission(
            key="organization.settings.write", label="Change the organization’s settings",
            lowest_role="admin",
        ),
        Permission(
            key="organization.transfer", label="Hand the organization over", lowest_role="owner"
        ),
        Permission(
            key="organization.delete", label="Delete the organization", lowest_role="owner"
        ),
    ]  # fmt: skip


@hookimpl
def musekit_register_routes(host: Host) -> Iterable[RouteSet]:
    """Give ``/api/organizations…``, ``/api/invitations/accept`` and ``/api/profile``."""
    from musekit.organizations import owner_routes, profile_routes, routes, space_routes

    modules = (routes, space_routes, owner_routes, profile_routes)
    return [RouteSet(router=each.router) for each in modules]


@hookimpl
def musekit_register_pages(host: Host) -> Iterable[RouteSet]:
    """Give ``/organization…``, ``/invite/…`` and ``/account/profile``."""
    from musekit.organizations import (
        ending_pages,
        invitation_pages,
        invite_pages,
        leave_pages,
        member_pages,
        pages,
        profile_pages,
        settings_pages,
        space_pages,
    )

    modules = (
        pages, member_pages, leave_pages, invitation_pages, space_pages, settings_pages,
        ending_pages, invite_pages, profile_pages,
    )  # fmt: skip
    return [RouteSet(router=each.router) for each in modules]


@hookimpl
def musekit_register_navigation() -> Iterable[NavItem]:
    """Give the first tabs of an organization, and that of one's profile."""
    tabs = (
        ("Overview", "", "building-2", "organization.read"),
        ("Members", "/members", "users", "organization.read"),
        ("Spaces", "/spaces", "layers", "organization.spaces.write"),
        ("Settings", "/settings", "settings", "organization.settings.write"),
    )
    return [
        *(
            NavItem(
                label=label, href=f"/organization{path}", group="Organization", icon=icon,
                area="organization", weight=weight, permission=permission,
            )
            for weight, (label, path, icon, permission) in enumerate(tabs, 1)
        ),
        NavItem(
            label="Public profile", href="/account/profile", group="Account", icon="at-sign",
            area="account", weight=1,
        ),
    ]  # fmt: skip


@hookimpl
def musekit_register_jobs() -> Iterable[Job]:
    """Give the job that deletes organizations which were closed; it is rung for then."""
    return [Job(name="organization-delete", handler=_delete_closed, every=300)]


def _delete_closed(run: JobRun) -> None:
    from musekit.organizations import ending

    ending.finish(run.host)


@hookimpl
def musekit_register_email_templates() -> Iterable[EmailTemplate]:
    """Give the invitation, and what tells of members, roles and owners."""
    from musekit.organizations.mails import TEMPLATES

    return TEMPLATES


@hookimpl
def musekit_register_webhook_events() -> Iterable[WebhookEvent]:
    """Give what webhooks may be told of members and spaces."""
    from musekit.organizations.events import EVENTS

    return EVENTS


@hookimpl
def musekit_export_user_data(session: Session, user_id: UUID) -> Mapping[str, Any]:
    """Return the organizations of a user, with the role in each, and their profile."""
    from musekit.organizations import profile, service

    own = profile.of(session, user_id)
    return {
        "profile": {
            "username": own.username, "display_name": own.display_name, "bio": own.bio,
            "avatar_url": own.avatar_url,
        },
        "organizations": [
            {"id": str(each.id), "name": each.name, "role": each.role}
            for each in service.joined(session, user_id)
        ],
    }  # fmt: skip
