"""What is done from time to time for usage."""

from __future__ import annotations

from musekit.kernel.actors import Actor
from musekit.kernel.queue.jobs import JobRun
from musekit.products import usage

_SYSTEM = Actor.system("usage")


def sweep(run: JobRun) -> None:
    """Give back what was reserved for work that was never heard of again."""
    with run.host.database.session(_SYSTEM) as session:
        usage.sweep(session)
