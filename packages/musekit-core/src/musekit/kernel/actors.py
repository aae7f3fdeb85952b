"""Who acts: a user in a space, a token of theirs, or the system under a name."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from musekit.errors import ForbiddenError

Via = Literal["browser", "token", "command", "system"]
_VIA: dict[str, Via] = {"user": "browser", "token": "token", "system": "system"}


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acts, in which space, and with which rights. Every database session is bound to one.

    Make one by `Actor.system`; those of requests come from ``musekit_resolve_actor``.
    """

    kind: Literal["user", "token", "system"]
    name: str  #: for logs and the audit trail: an id, never an e-mail address
    user_id: UUID | None = None
    space_id: UUID | None = None
    permissions: frozenset[str] = field(default_factory=frozenset)
    is_operator: bool = False  #: runs the deployment; reaches admin pages, not other spaces' rows
    session_id: UUID | None = None  #: the browser session, where there is one
    timezone: str = "UTC"  #: IANA name, for showing and reading wall-clock times
    authenticated_at: datetime | None = None  #: when the person last proved who they are
    impersonator_id: UUID | None = None  #: the operator who acts as this person
    #: the organization whose own service let them in: they act in its spaces alone
    organization_id: UUID | None = None
    token_id: UUID | None = None  #: the API token, where there is one
    via: Via | None = None  #: how the act came in; None: as the kind says

    def __post_init__(self) -> None:
        """Say how it came in, where that was not said."""
        if self.via is None:
            object.__setattr__(self, "via", _VIA[self.kind])

    @classmethod
    def system(cls, name: str) -> Actor:
        """The system acting under a name: publisher, cron, token lookup. Sees every space."""
        return cls(kind="system", name=name)

    @property
    def is_system(self) -> bool:
        """True for the system: its sessions use the system login and are not guarded."""
        return self.kind == "system"

    def may(self, permission: str) -> bool:
        """True if the actor holds a permission; the system holds all."""
        return self.is_system or permission in self.permissions

    def demand(self, permission: str) -> None:
        """Raise `ForbiddenError` unless the actor holds the permission."""
        if not self.may(permission):
            raise ForbiddenError(
                f"This needs the permission “{permission}”. Ask an owner of the space for it.",
                extra={"permission": permission},
            )
