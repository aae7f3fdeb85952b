"""What is wrong with a deployment, in words that help: what it is, what it does, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from musekit.errors import ConfigurationError


class Fault(str):
    """Something that is set up wrongly. As text it is cause and cure.

    Args:
        name: short and stable, such as ``cron-secret``; `musekit doctor` and the docs go by it.
        cause: what is wrong, naming the setting, never a secret's value.
        cure: what to do.
    """

    __slots__ = ("cause", "cure", "name")
    name: str
    cause: str
    cure: str

    def __new__(cls, name: str, cause: str, cure: str = "") -> Self:
        """Make one."""
        made = super().__new__(cls, f"{cause} {cure}".strip())
        made.name, made.cause, made.cure = name, cause, cure
        return made


class UnsafeError(ConfigurationError):
    """A deployment refuses to start, naming every fault: nobody wants to find them by turns."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        listed = "\n".join(f"- {fault}" for fault in faults)
        super().__init__(f"This deployment is not safe to start:\n{listed}")
        self.faults = tuple(faults)


@dataclass
class Judgement:
    """What `musekit doctor` collects instead of refusing."""

    refused: list[Fault] = field(default_factory=list)
    #: faults with which no deployment for production would start; this one does
    warned: list[Fault] = field(default_factory=list)
