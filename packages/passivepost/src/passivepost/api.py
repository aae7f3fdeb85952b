"""The platform SDK: the only module of PassivePost that a platform package imports.

A tutorial is in ``docs/platforms.md``; ``musekit new platform`` writes a working package.
"""

from passivepost.sdk.capabilities import (
    Capabilities,
    Connection,
    Cost,
    CredentialField,
    CredentialForm,
    Delivery,
    MediaRule,
    NotAvailable,
    OAuth,
    TextRule,
)
from passivepost.sdk.content import (
    Account,
    Content,
    Credentials,
    Feature,
    Found,
    Identity,
    Media,
    Metrics,
    Part,
    Published,
)
from passivepost.sdk.errors import (
    AuthExpired,
    AuthRevoked,
    Duplicate,
    Misconfigured,
    OutcomeUnknown,
    PlatformError,
    Rejected,
    Retryable,
)
from passivepost.sdk.http import AsyncClient, Interrupted, NotSent, Response
from passivepost.sdk.platform import Platform, Progress, Publish

__all__ = [
    "Account",
    "AsyncClient",
    "AuthExpired",
    "AuthRevoked",
    "Capabilities",
    "Connection",
    "Content",
    "Cost",
    "CredentialField",
    "CredentialForm",
    "Credentials",
    "Delivery",
    "Duplicate",
    "Feature",
    "Found",
    "Identity",
    "Interrupted",
    "Media",
    "MediaRule",
    "Metrics",
    "Misconfigured",
    "NotAvailable",
    "NotSent",
    "OAuth",
    "OutcomeUnknown",
    "Part",
    "Platform",
    "PlatformError",
    "Progress",
    "Publish",
    "Published",
    "Rejected",
    "Response",
    "Retryable",
    "TextRule",
]
