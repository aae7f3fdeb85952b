"""The face of the operator's pages."""

from __future__ import annotations

from collections.abc import Iterable

from musekit import hookimpl
from musekit.declarations import NavItem, RouteSet
from musekit.kernel.host import Host

_PEOPLE, _MACHINE = "Administration", "This deployment"
_ENTRIES = (
    ("Overview", "/admin", "gauge", _PEOPLE),
    ("Users", "/admin/users", "users", _PEOPLE),
    ("Organizations", "/admin/organizations", "building-2", _PEOPLE),
    ("Products", "/admin/products", "package", _PEOPLE),
    ("E-mail", "/admin/email", "mail", _PEOPLE),
    ("Audit log", "/admin/audit", "scroll-text", _PEOPLE),
    ("Plugins", "/admin/plugins", "puzzle", _MACHINE),
    ("Jobs", "/admin/jobs", "list-checks", _MACHINE),
    ("Health", "/admin/health", "activity", _MACHINE),
    ("Settings", "/admin/settings", "sliders-horizontal", _MACHINE),
)


@hookimpl
def musekit_register_pages(host: Host) -> Iterable[RouteSet]:
    """Give ``/admin…``."""
    from musekit.admin import (
        help_pages,
        impersonation_pages,
        job_pages,
        letter_pages,
        mail_pages,
        organization_pages,
        pages,
        plugin_pages,
        product_pages,
        running_pages,
        silence_pages,
        user_pages,
    )

    # Templates and mailboxes before mails, whose pages have an id in the same place.
    parts = (
        pages, user_pages, help_pages, impersonation_pages, organization_pages, product_pages,
        letter_pages, silence_pages, mail_pages, plugin_pages, job_pages, running_pages,
    )  # fmt: skip
    return [RouteSet(router=each.router) for each in parts]


@hookimpl
def musekit_register_routes(host: Host) -> Iterable[RouteSet]:
    """Give ``/api/admin…``: the same as the pages, for programs in the operator's browser."""
    from musekit.admin import (
        job_routes,
        mail_routes,
        organization_routes,
        plugin_routes,
        product_routes,
        running_routes,
        user_routes,
    )

    parts = (
        user_routes, organization_routes, product_routes, mail_routes, plugin_routes, job_routes,
        running_routes,
    )  # fmt: skip
    return [RouteSet(router=each.router) for each in parts]


@hookimpl
def musekit_register_navigation() -> Iterable[NavItem]:
    """Give the sidebar of the operator's pages."""
    return [
        NavItem(
            label=label, href=href, group=group, area="admin", operator=True, icon=icon,
            weight=weight,
        )
        for weight, (label, href, icon, group) in enumerate(_ENTRIES, 1)
    ]  # fmt: skip
