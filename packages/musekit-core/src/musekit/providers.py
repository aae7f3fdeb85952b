"""What providers of sign-in and of language models are, and what passes between them and the core.

A provider is an object of a plugin, returned from ``musekit_register_identity_providers`` or
``musekit_register_ai_providers``. It speaks one protocol and keeps nothing: flows, accounts,
ledgers, keys and limits are the core's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable
from uuid import UUID

if TYPE_CHECKING:
    from pydantic import BaseModel, SecretStr

    from musekit.kernel.host import Host
    from musekit.kernel.outbound.client import OutboundClient

# --- Signing in by another service ---


@dataclass(frozen=True, kw_only=True)
class FlowTaken:
    """A flow that came back: begun by this browser, not expired, and taken once.

    Attributes:
        nonce: to be found in the identity token.
        verifier: of PKCE (S256).
        redirect_uri: where the provider sends the browser back to; the same in both legs.
        next: path to go to afterwards.
        hint: address or account that the person has named.
        fresh_since: they are signed in and prove again who they are: the proof must be younger
            than this. None: a session with the provider will do.
    """

    id: UUID
    nonce: str
    verifier: str
    redirect_uri: str
    next: str = "/dashboard"
    hint: str = ""
    fresh_since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class FlowStart(FlowTaken):
    """A flow that begins; `state` ties the answer to this browser."""

    state: str


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who somebody is to a provider. `issuer` and `subject` are the key, never the address.

    Attributes:
        email_verified: the provider vouches for the address.
        organization_id: the organization whose own provider this is.
    """

    issuer: str
    subject: str
    email: str
    email_verified: bool
    name: str = ""
    organization_id: UUID | None = None


@runtime_checkable
class IdentityProvider(Protocol):
    """A service by which people sign in.

    It may have an attribute ``proves_anew``: true if it keeps to `FlowTaken.fresh_since`. By one
    that does not, only people who have neither password nor passkey confirm that it is them.
    """

    key: str  #: in paths and rows, such as ``google``
    label: str  #: on the button
    icon: str  #: one of the interface's, or the mark of a service, such as ``brand-github``
    kind: Literal["oidc", "oauth", "saml"]
    organization_bound: bool  #: only for members of one organization

    def begin(self, host: Host, flow: FlowStart) -> str:
        """Return the address to send the browser to. Calls out through ``host.portal``."""

    def finish(self, host: Host, flow: FlowTaken, answer: Mapping[str, str]) -> Identity:
        """Prove the provider's answer and say who it is; called in no unit of work.

        Raises:
            MuseKitError: the answer proves nothing; the message is for the person.
        """


# --- Language models ---


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message of a conversation with a model."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, kw_only=True)
class AICall:
    """What is asked of a model.

    Attributes:
        purpose: what for, in the ledger: ``draft``, ``summary``.
        product: whose allowance it counts against.
        schema: the answer's shape; None: free text.
    """

    purpose: str
    product: str
    messages: Sequence[Message]
    max_tokens: int = 1024
    temperature: float = 0.7
    schema: type[BaseModel] | None = None


@dataclass(frozen=True, kw_only=True)
class AIConfig:
    """How a provider is reached, as the operator or the organization has set it."""

    base_url: str
    api_key: SecretStr
    model: str
    timeout_seconds: float
    first_token_seconds: float


@dataclass(frozen=True)
class Text:
    """A piece of the answer."""

    delta: str


@dataclass(frozen=True)
class Usage:
    """What the call has cost so far, in tokens, as the provider counts them; the last one holds.

    Attributes:
        input_tokens: all that were read, with the `cached_tokens` that cost less.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    request_id: str = ""


@dataclass(frozen=True)
class Finish:
    """The end of an answer: ``stop``, ``length``, ``refused`` or the provider's word."""

    reason: str


AIEvent = Text | Usage | Finish


#: Why a model service did not answer: it could not be reached; it has too much to do; it does not
#: take our key; it does not take the call; what it sent is no answer.
Fault = Literal["unreachable", "busy", "unauthorized", "rejected", "malformed"]


class ProviderFault(Exception):
    """A model service did not answer as asked.

    Args:
        kind: the calls of ``unreachable`` and ``busy`` are tried again, before the first token.
        told: for the operator's log: status and the service's own word for it, such as
            ``429 rate_limit_exceeded``; never its text, which may repeat a key.
        retry_after: seconds that the service asks to wait.
    """

    def __init__(self, kind: Fault, told: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(f"{kind} {told}".strip())
        self.kind, self.told, self.retry_after = kind, told, retry_after


@runtime_checkable
class AIProvider(Protocol):
    """A service that answers calls of language models.

    It may have a method ``prepare()``, called in a thread before each call and before its time
    runs: the place for an import that takes long.
    """

    # Properties, so that a frozen dataclass is one too; a plain attribute will do.
    @property
    def key(self) -> str:
        """In rows and settings, such as ``openai``."""

    @property
    def label(self) -> str:
        """What people call it."""

    @property
    def needs_key(self) -> bool:
        """False: it may be asked without an API key."""

    @property
    def default_model(self) -> str:
        """The model that answers where nobody chose one; "": somebody has to."""

    @property
    def structured(self) -> bool:
        """It keeps to a schema by itself."""

    def stream(
        self, call: AICall, config: AIConfig, http: OutboundClient
    ) -> AsyncIterator[AIEvent]:
        """Yield the answer as it comes (an ``async def`` with ``yield``). It is asked once.

        Raises:
            ProviderFault: there is no answer, or not all of it. `NotSent` and `Interrupted` of
                `http` may pass through.
        """
