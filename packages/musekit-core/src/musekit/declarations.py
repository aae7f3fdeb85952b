"""What plugins declare to the host: plain data, returned from the ``musekit_register_*`` hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from musekit.providers import AIProvider, IdentityProvider

if TYPE_CHECKING:
    from uuid import UUID

    import typer
    from fastapi import APIRouter
    from pydantic_settings import BaseSettings

    from musekit.kernel.host import Host
    from musekit.kernel.queue.jobs import JobRun
    from musekit.kernel.queue.services import Stop

Role = Literal["owner", "admin", "editor", "viewer"]

#: The roles of a space, the most powerful first. Each role holds what those after it hold.
ROLES: tuple[Role, ...] = ("owner", "admin", "editor", "viewer")


@dataclass(frozen=True, kw_only=True)
class Limit:
    """How a limit of a product's tiers is shown, and how what is used of it is counted.

    Args:
        key: the name under which tiers give the limit, such as ``posts_per_day``.
        label: what people call it.
        metric: the usage counter, where it counts something that happens; needs a `period`.
        period: what the counter is kept for.
        unit: of the number, where it does not count things.
        count: the number in use now of a space, where it counts things that stay (members); None
            where the space has none of these to count.
            Without `metric` and `count` a limit is shown only.
    """

    key: str
    label: str
    metric: str = ""
    period: Literal["day", "month"] | None = None
    unit: str = ""
    count: Callable[[Host, UUID], int | None] | None = None


@dataclass(frozen=True, kw_only=True)
class Product:
    """Something customers subscribe to, such as ``passive-post``.

    Args:
        settings_key: the member of ``organization_settings.settings`` under which the operator
            keeps the product's tier definitions; empty: the product's key.
        limits: how its limits are shown and counted.
        stands_in: it is there only where no other product is, with its tiers.
    """

    key: str
    name: str
    summary: str
    home: str  #: path of its first page, for the product switch
    default_tier: str = "tier_1"
    settings_key: str = ""
    limits: Sequence[Limit] = ()
    stands_in: bool = False


@dataclass(frozen=True, kw_only=True)
class SettingsSection:
    """A pydantic-settings class. Its ``env_prefix`` must begin with the plugin's name.

    The core's prefix is ``MUSEKIT_``. Read the validated object by ``host.settings_of(model)``.
    """

    model: type[BaseSettings]


@dataclass(frozen=True, kw_only=True)
class Migrations:
    """What a plugin's lineage (``migrations/versions`` inside its package) owns."""

    tables: Sequence[str]
    #: Columns the plugin adds to tables of the core: table name → column names.
    core_columns: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Permission:
    """A right, such as ``social.posts.write``, held by every role down to `lowest_role`."""

    key: str
    label: str
    lowest_role: Role


@dataclass(frozen=True, kw_only=True)
class Tier:
    """A tier of a product. A limit of None means unlimited; a missing limit means 0."""

    product: str
    key: str
    label: str
    rank: int
    limits: Mapping[str, int | None]


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Waiting before a retry: ``min(cap, base · 2ⁿ)`` seconds, of which a random share is taken."""

    base: float = 30.0
    cap: float = 3600.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """A background job.

    Args:
        name: what the queue calls it; it stays when code moves (``social-post``).
        handler: called with a `JobRun`; the message carries ids only (JSON scalars).
        retries: how often it is tried again after an error, with `backoff` in between.
        every: seconds between runs by the scheduler; None: only when enqueued.
    """

    name: str
    handler: Callable[[JobRun], None]
    retries: int = 3
    backoff: Backoff = field(default_factory=Backoff)
    every: float | None = None


@dataclass(frozen=True, kw_only=True)
class WorkerService:
    """A service that runs in a thread of its own in every worker process.

    `run(host, stop)` returns soon after ``stop.requested`` is set, having finished or handed back
    what it holds; ``stop.deadline`` (monotonic seconds) says how long it may take.
    """

    name: str
    run: Callable[[Host, Stop], None]


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """A check of one thing. `check` returns a `Health`, quickly, and calls no network."""

    name: str
    check: Callable[[Host], Health]


@dataclass(frozen=True, kw_only=True)
class Health:
    """How a thing is: ``ok``, ``warn`` (works, look at it) or ``fail``; and what to do."""

    status: Literal["ok", "warn", "fail"]
    detail: str = ""
    advice: str = ""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A sub-command of ``musekit``, as a Typer app; imported only when it is called."""

    name: str
    help: str
    load: Callable[[], typer.Typer]


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """How often a route may be asked: `hits` within any `seconds`, a sliding window.

    Args:
        name: of the policy, such as ``reads``; routes of one policy share a count.
        hits: requests within the window.
        seconds: length of the window.
        per: who is counted: the actor (a visitor: the address), the space, or the address.
        away: what counts while the shared store is away: the process's own memory, the database,
            or nothing.
        strict_hits: requests within the window while the store is away; None: `hits`.
    """

    name: str
    hits: int
    seconds: int
    per: Literal["actor", "space", "address"] = "actor"
    away: Literal["memory", "database", "open"] = "memory"
    strict_hits: int | None = None


@dataclass(frozen=True, kw_only=True)
class RouteSet:
    """Routes under one prefix. The host refuses a path that another plugin has already taken."""

    router: APIRouter
    prefix: str = ""


#: Where a navigation entry stands: in the sidebar, as a tab of one's account or of the
#: organization, in the sidebar of the admin pages. The palette finds all of them.
Area = Literal["app", "account", "organization", "admin"]


@dataclass(frozen=True, kw_only=True)
class NavItem:
    """An entry of the navigation, shown to actors that hold `permission`.

    Args:
        operator: shown to the operator of the deployment only.
    """

    label: str
    href: str
    group: str
    weight: int = 50
    icon: str = "circle"
    permission: str | None = None
    area: Area = "app"
    operator: bool = False


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A template fragment for a named place, such as ``dashboard.cards``.

    `context(host, actor)` gives its variables; None leaves the fragment out.
    """

    place: str
    template: str
    context: Callable[[Host, Any], Mapping[str, Any] | None]
    weight: int = 50


@dataclass(frozen=True, kw_only=True)
class EmailTemplate:
    """A mail that the plugin sends.

    Args:
        key: what `musekit.api.queue_email` calls it, such as ``verify-email``.
        label: what the admin pages call it.
        template: ``<package>/email/<name>``: beside each other ``<name>.html`` and ``<name>.txt``
            in the package's templates. The text part has the block ``subject``.
        sample: variables for previews and tests; nobody's real data.
        category: ``transactional`` and ``security`` mails are always sent; every other category
            can be unsubscribed from.
    """

    key: str
    label: str
    template: str
    sample: Callable[[], Mapping[str, Any]]
    category: str = "transactional"


@dataclass(frozen=True, kw_only=True)
class WebhookEvent:
    """Something that outgoing webhooks may tell of.

    Args:
        key: ``<thing>.<what happened>``, such as ``post.published``.
        label: what people choose in a list.
        sample: the ``data`` of a test delivery; ids and public fields only.
    """

    key: str
    label: str
    sample: Mapping[str, Any]


__all__ = [
    "ROLES", "AIProvider", "Area", "Backoff", "Command", "EmailTemplate", "Health", "HealthCheck",
    "IdentityProvider", "Job", "Limit", "Migrations", "NavItem", "Permission", "Product",
    "RateLimit", "Role", "RouteSet", "SettingsSection", "Slot", "Tier", "WebhookEvent",
    "WorkerService",
]  # fmt: skip
