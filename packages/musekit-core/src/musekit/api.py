"""The only module a plugin imports from the core. What stands here is kept stable.

A capability a plugin misses is added here first, never reached for in `musekit.kernel`.
"""

from musekit import hookimpl, hookspec
from musekit.auth.models import User
from musekit.declarations import (
    ROLES,
    Backoff,
    Command,
    Health,
    HealthCheck,
    Job,
    Migrations,
    NavItem,
    Permission,
    Product,
    Role,
    RouteSet,
    SettingsSection,
    Slot,
    Tier,
    WorkerService,
)
from musekit.errors import (
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    LimitReachedError,
    MuseKitError,
    NotFoundError,
    NotSignedInError,
    TenancyError,
    UnavailableError,
)
from musekit.kernel.actors import Actor
from musekit.kernel.build import open_host
from musekit.kernel.crypto.keyring import DecryptionError, KeyRing
from musekit.kernel.database.express import ExpressUnit
from musekit.kernel.database.models import Tenant, plugin_base
from musekit.kernel.database.session import Database
from musekit.kernel.database.types import Json, TextArray, UtcDateTime, db_after, db_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.kernel.logs import hide_tokens
from musekit.kernel.outbound.client import (
    Interrupted,
    NotSent,
    Outbound,
    OutboundClient,
    Refused,
    TooLarge,
)
from musekit.kernel.queue.jobs import JobRun
from musekit.kernel.queue.services import Stop
from musekit.kernel.web.access import (
    CurrentActor,
    HostDep,
    ReadSession,
    WriteSession,
    operator_only,
    public,
    requires,
    secret_only,
    signed_in,
)
from musekit.kernel.web.flash import flash
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render
from musekit.social.models import POST_MOVES, POST_STATUSES, SocialAccount, SocialPost
from musekit.spaces.models import Space, SpaceMember

__all__ = [
    "POST_MOVES",
    "POST_STATUSES",
    "ROLES",
    "Actor",
    "Backoff",
    "Command",
    "ConfigurationError",
    "ConflictError",
    "CurrentActor",
    "Database",
    "DecryptionError",
    "ExpressUnit",
    "ForbiddenError",
    "Health",
    "HealthCheck",
    "Host",
    "HostDep",
    "Interrupted",
    "InvalidError",
    "Job",
    "JobRun",
    "Json",
    "KeyRing",
    "LimitReachedError",
    "Migrations",
    "MuseKitError",
    "NavItem",
    "NotFoundError",
    "NotSent",
    "NotSignedInError",
    "Outbound",
    "OutboundClient",
    "Permission",
    "Product",
    "ReadSession",
    "Refused",
    "Role",
    "RouteSet",
    "SettingsSection",
    "Slot",
    "SocialAccount",
    "SocialPost",
    "Space",
    "SpaceMember",
    "Stop",
    "TenancyError",
    "Tenant",
    "TextArray",
    "Tier",
    "TooLarge",
    "UnavailableError",
    "User",
    "UtcDateTime",
    "WorkerService",
    "WriteSession",
    "db_after",
    "db_now",
    "errors_of",
    "flash",
    "hide_tokens",
    "hookimpl",
    "hookspec",
    "new_id",
    "open_host",
    "operator_only",
    "plugin_base",
    "public",
    "redirect",
    "render",
    "requires",
    "secret_only",
    "signed_in",
]
