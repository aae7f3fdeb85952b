"""What the bodies of JSON routes have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Input(BaseModel):
    """The body of a request: a member that it does not know is refused, not passed over."""

    model_config = ConfigDict(extra="forbid")


class Output(BaseModel):
    """An answer, which may be made of a row or a tuple with attributes of the same names."""

    model_config = ConfigDict(from_attributes=True)
