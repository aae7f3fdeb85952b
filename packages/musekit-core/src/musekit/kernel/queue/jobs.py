"""What a job's handler is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musekit.kernel.host import Host

#: What a message may carry: ids, never content.
Scalar = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class JobRun:
    """One run of a job. The handler is an edge: it opens and commits its own units of work.

    Attributes:
        ids: what `Broker.enqueue` was given. It may come twice, and may be stale or forged:
            look the rows up and claim them in the database.
        attempt: 1 for the first run, 2 for the first retry.
    """

    host: Host
    name: str
    ids: Mapping[str, Scalar] = field(default_factory=dict)
    attempt: int = 1
