"""The only module a plugin imports from the core. What stands here is kept stable.

A capability a plugin misses is added here first, never reached for in `musekit.kernel`.
"""

from musekit import hookimpl, hookspec
from musekit.ai import facade as ai
from musekit.audit.service import record as record_audit
from musekit.auth.models import User
from musekit.declarations import (
    ROLES,
    Backoff,
    Command,
    EmailTemplate,
    Health,
    HealthCheck,
    Job,
    Limit,
    Migrations,
    NavItem,
    Permission,
    Product,
    RateLimit,
    Role,
    RouteSet,
    SettingsSection,
    Slot,
    Tier,
    WebhookEvent,
    WorkerService,
)
from musekit.email.mail import Address
from musekit.email.service import queue as queue_email
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
from musekit.kernel.database.models import SystemOnly, Tenant, plugin_base
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
from musekit.kernel.ratelimit.policies import AI as AI_LIMIT
from musekit.kernel.ratelimit.policies import NONE as UNLIMITED
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
from musekit.kernel.web.pages import redirect, render, safe_next
from musekit.organizations.here import here as organization_here
from musekit.organizations.none_page import none as no_organization_page
from musekit.products import room, tiers, usage
from musekit.products.owners import owners_of_space
from musekit.providers import (
    AICall,
    AIConfig,
    AIEvent,
    AIProvider,
    Finish,
    FlowStart,
    FlowTaken,
    Identity,
    IdentityProvider,
    Message,
    ProviderFault,
    Text,
    Usage,
)
from musekit.social.models import POST_MOVES, POST_STATUSES, SocialAccount, SocialPost
from musekit.spaces.models import Space, SpaceMember
from musekit.webhooks.emitting import Happened
from musekit.webhooks.emitting import emit as emit_webhook
from musekit.webhooks.emitting import emit_all as emit_webhooks
from musekit.webhooks.listening import listening as listening_webhooks

__all__ = [
    "AI_LIMIT",
    "POST_MOVES",
    "POST_STATUSES",
    "ROLES",
    "UNLIMITED",
    "AICall",
    "AIConfig",
    "AIEvent",
    "AIProvider",
    "Actor",
    "Address",
    "Backoff",
    "Command",
    "ConfigurationError",
    "ConflictError",
    "CurrentActor",
    "Database",
    "DecryptionError",
    "EmailTemplate",
    "ExpressUnit",
    "Finish",
    "FlowStart",
    "FlowTaken",
    "ForbiddenError",
    "Happened",
    "Health",
    "HealthCheck",
    "Host",
    "HostDep",
    "Identity",
    "IdentityProvider",
    "Interrupted",
    "InvalidError",
    "Job",
    "JobRun",
    "Json",
    "KeyRing",
    "Limit",
    "LimitReachedError",
    "Message",
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
    "ProviderFault",
    "RateLimit",
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
    "SystemOnly",
    "TenancyError",
    "Tenant",
    "Text",
    "TextArray",
    "Tier",
    "TooLarge",
    "UnavailableError",
    "Usage",
    "User",
    "UtcDateTime",
    "WebhookEvent",
    "WorkerService",
    "WriteSession",
    "ai",
    "db_after",
    "db_now",
    "emit_webhook",
    "emit_webhooks",
    "errors_of",
    "flash",
    "hide_tokens",
    "hookimpl",
    "hookspec",
    "listening_webhooks",
    "new_id",
    "no_organization_page",
    "open_host",
    "operator_only",
    "organization_here",
    "owners_of_space",
    "plugin_base",
    "public",
    "queue_email",
    "record_audit",
    "redirect",
    "render",
    "requires",
    "room",
    "safe_next",
    "secret_only",
    "signed_in",
    "tiers",
    "usage",
]
