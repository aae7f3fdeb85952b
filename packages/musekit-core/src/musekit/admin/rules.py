"""Who may see the operator's pages, who may act on them, and what every list is asked for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from musekit.kernel.actors import Actor
from musekit.kernel.web.access import operator_only

#: In whose name these pages read and write, after the rule has let the operator through.
SYSTEM = Actor.system("admin")
Operator = Annotated[Actor, operator_only()]
#: For every act, and for pages that hold a dangerous form: nothing typed is lost by asking again.
Acting = Annotated[Actor, operator_only(recent=True)]


class Wanted(BaseModel):
    """What of a list is asked for; lists add their filters, each one of a few words."""

    search: str = ""
    after: str = ""


class Asked(BaseModel):
    """What the JSON routes of lists are asked for; as with `Wanted`, lists add their filters."""

    search: str = Field("", description="a part of it; at most 200 characters of it count")
    cursor: str = Field("", max_length=500, description="`next_cursor` of the page before")

    @property
    def wanted(self) -> dict[str, Any]:
        """The same as the services take it: their `page` calls the cursor ``after``."""
        return {**self.model_dump(exclude={"cursor"}), "after": self.cursor}
