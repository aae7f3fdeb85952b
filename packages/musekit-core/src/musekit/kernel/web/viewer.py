"""Who looks at a page: what the shell shows of the signed-in person."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request


@dataclass(frozen=True, kw_only=True)
class SpaceChoice:
    """A space the person may switch to."""

    id: UUID
    name: str
    role: str
    organization: str = ""  #: name of the organization it belongs to

    @property
    def label(self) -> str:
        """What to call it: with its organization, unless that is called the same."""
        return " · ".join(dict.fromkeys(each for each in (self.organization, self.name) if each))


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """The person of a browser session. Kept beside the actor, which carries no e-mail address."""

    email: str
    name: str
    space_id: UUID
    spaces: tuple[SpaceChoice, ...] = ()

    @property
    def label(self) -> str:
        """What to call the person."""
        return self.name or self.email.partition("@")[0]

    @property
    def space(self) -> SpaceChoice | None:
        """The space the person is in."""
        return next((each for each in self.spaces if each.id == self.space_id), None)


def remember(request: Request, viewer: Viewer) -> None:
    """Note the person of a request; called by who resolves the actor."""
    request.state.musekit_viewer = viewer


def viewer_of(request: Request) -> Viewer | None:
    """Return the person of a request; None for visitors and API tokens."""
    return getattr(request.state, "musekit_viewer", None)
