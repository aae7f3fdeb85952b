"""Every extension point of the core. Read this file first.

The verb in a hook's name is its calling convention:

* ``*_register_*``  collected once, when the host is built; returns an iterable of declarations
  (`musekit.declarations`). An error quarantines the plugin that raised it.
* ``*_on_*``        told that something has happened and was committed; what it returns is ignored,
  and its errors are logged and counted, never passed on.
* ``*_resolve_*``   asked in turn; the first answer that is not None wins.

Nothing may depend on the order in which plugins are called; what must be ordered carries a weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from musekit import hookspec

if TYPE_CHECKING:
    import pluggy
    from sqlalchemy.orm import Session
    from starlette.requests import Request

    from musekit import declarations as d
    from musekit.kernel.actors import Actor
    from musekit.kernel.host import Host


# --- Building the host ---


@hookspec(historic=True)
def musekit_addhooks(pluginmanager: pluggy.PluginManager) -> None:
    """Add hookspecs of the plugin's own: ``pluginmanager.add_hookspecs(module)``."""


@hookspec
def musekit_register_products() -> Iterable[d.Product]:
    """Declare products: what a customer subscribes to."""


@hookspec
def musekit_register_settings() -> Iterable[d.SettingsSection]:
    """Declare settings read from the environment, validated when the host starts."""


@hookspec
def musekit_register_migrations() -> Iterable[d.Migrations]:
    """Declare what the plugin's migration lineage owns: tables, and columns on core tables."""


@hookspec
def musekit_register_permissions() -> Iterable[d.Permission]:
    """Declare permissions and the roles that hold them."""


@hookspec
def musekit_register_tiers() -> Iterable[d.Tier]:
    """Declare the tiers of a product and their limits."""


@hookspec
def musekit_register_jobs() -> Iterable[d.Job]:
    """Declare background jobs, with their retries and schedules."""


@hookspec
def musekit_register_worker_services() -> Iterable[d.WorkerService]:
    """Declare long-running services of a worker process, such as a publisher."""


@hookspec
def musekit_register_health_checks() -> Iterable[d.HealthCheck]:
    """Declare checks shown by ``/readyz``, ``musekit doctor`` and the admin pages."""


@hookspec
def musekit_register_commands() -> Iterable[d.Command]:
    """Declare sub-commands of the ``musekit`` command."""


@hookspec
def musekit_register_email_templates() -> Iterable[d.EmailTemplate]:
    """Declare mails that the plugin sends, with a sample of each for previews and tests."""


@hookspec
def musekit_register_webhook_events() -> Iterable[d.WebhookEvent]:
    """Declare events that spaces may have told to their outgoing webhooks."""


# --- Web ---


@hookspec
def musekit_register_routes(host: Host) -> Iterable[d.RouteSet]:
    """Declare JSON routes. Every route states who may call it (`musekit.api.requires` and kin)."""


@hookspec
def musekit_register_pages(host: Host) -> Iterable[d.RouteSet]:
    """Declare HTML pages, by the same rules as routes."""


@hookspec
def musekit_register_navigation() -> Iterable[d.NavItem]:
    """Declare entries of the navigation."""


@hookspec
def musekit_register_slots() -> Iterable[d.Slot]:
    """Declare fragments to be shown in named places of pages that other plugins own."""


@hookspec
def musekit_register_identity_providers(host: Host) -> Iterable[d.IdentityProvider]:
    """Give ways to sign in by another service, those that are configured."""


@hookspec
def musekit_register_ai_providers(host: Host) -> Iterable[d.AIProvider]:
    """Give services that answer calls of language models; who is asked is the operator's choice."""


@hookspec
def musekit_lifespan(host: Host) -> AbstractAsyncContextManager[None]:
    """Return a context entered when the web process starts and left when it stops."""


@hookspec
def musekit_on_demo(host: Host, base_url: str) -> Mapping[str, Any] | None:
    """``musekit up --demo`` is answering at `base_url`: fill it with sample data, once.

    Called in a thread at every start of the demo; make it repeatable. Members returned are told
    to the person: ``email``, ``password`` and ``api_token`` of the sample sign-in.
    """


@hookspec(firstresult=True)
def musekit_resolve_actor(request: Request, host: Host) -> Actor | None:
    """Say who is behind a request: from a bearer token or a session cookie, else None."""


# --- Life of users ---


@hookspec
def musekit_on_user_created(host: Host, user_id: UUID, space_id: UUID) -> None:
    """A user and their personal space exist. Called after the commit."""


@hookspec
def musekit_on_user_deleted(host: Host, user_id: UUID) -> None:
    """A user is gone, with all rows that referred to them. Called after the commit."""


@hookspec
def musekit_export_user_data(session: Session, user_id: UUID) -> Mapping[str, Any]:
    """Return what the plugin stores about a user, as JSON-ready data. Runs as the system."""


# --- Plans ---


@hookspec(firstresult=True)
def musekit_resolve_tier(host: Host, product: str, space_id: UUID) -> str | None:
    """Say which tier a space has of a product: the first step of the chain that decides it.

    Return the tier's key, or None: the next is asked, and after the plugins the subscription and
    the floor. Somebody who just wants to know asks `Hooks.resolve_tier`, the whole chain.
    """


@hookspec
def musekit_on_subscription_changed(
    host: Host, product: str, space_ids: Sequence[UUID], before: str, after: str
) -> None:
    """The tier of spaces has become another, or allows another amount. Called after the commit.

    Where the operator has changed the limits of a tier, `before` and `after` are alike. A process
    that dies before all plugins were told is made up for by a job: told once more, then.

    Args:
        before: key of the tier until now, as resolved; not the words of a payment service.
        after: key of the tier from now on.
    """
