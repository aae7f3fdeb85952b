"""Asking a language model, for products and for the core's own routes.

``complete`` gives a whole answer, `musekit.ai.streaming.stream` one that comes piece by piece. Both
choose the service, hold the plan's limits and keep the ledger. A service that is set up and fails
is never stood in for: who asks gets an error.
"""

from __future__ import annotations

import logging
from uuid import UUID

from pydantic import BaseModel

from musekit.ai import answering, choosing, opening
from musekit.ai.opening import Offline, Opened
from musekit.ai.results import AIResult, AnswerError
from musekit.errors import MuseKitError, UnavailableError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.providers import AICall, ProviderFault

logger = logging.getLogger(__name__)


def complete(
    host: Host,
    actor: Actor,
    call: AICall,
    *,
    offline: Offline | None = None,
    space_id: UUID | None = None,
    choice: choosing.Choice | None = None,
) -> AIResult:
    """Return a whole answer. Call it outside of units of work, from a thread.

    Args:
        actor: who asks; it is counted in their space.
        offline: answers by rules where no model is set up, and only there; the result says so.
        space_id: the space it is for, where the actor is the system.
        choice: ask this service, whatever is set up.

    Raises:
        NoModelError: no model is set up, and there is no `offline`.
        LimitReachedError: the plan allows no more.
        UnavailableError: the service cannot be reached or used just now.
        AnswerError: it does not take the call, or its answer is not usable.
    """
    opened = opening.begin(host, actor, call, offline=offline, space_id=space_id, choice=choice)
    if opened.choice is None:
        assert offline is not None
        return drafted(opened, offline)
    portal = host.portal
    try:
        parsed = portal.call(
            answering.whole, opened.choice, call, portal.client, opened.progress,
            retries=opened.retries,
        )  # fmt: skip
    except ProviderFault as fault:
        opening.fail(opened, fault)
        raise said(opened, fault) from fault
    except BaseException as error:
        opening.fail(opened, error)
        raise
    return result(opened, opening.end(opened), parsed)


def drafted(opened: Opened, offline: Offline) -> AIResult:
    """Return what rules write, where no model is set up."""
    try:
        found = offline(opened.call)
    except BaseException as error:
        opening.fail(opened, error)
        raise
    parsed = found if isinstance(found, BaseModel) else None
    opened.progress.text.append(found if isinstance(found, str) else found.model_dump_json())
    opening.end(opened)
    return result(opened, None, parsed)


def result(opened: Opened, cost: int | None, parsed: BaseModel | None) -> AIResult:
    """Return what has come, with where it is from."""
    choice, progress = opened.choice, opened.progress
    return AIResult(
        text="".join(progress.text), parsed=parsed,
        source="offline" if choice is None else "provider", ai_generated=choice is not None,
        provider="offline" if choice is None else choice.provider.key,
        model="" if choice is None else choice.config.model,
        usage=progress.total, cost_micros=cost, call_id=opened.id,
        reason=progress.reason or "stop",
    )  # fmt: skip


def said(opened: Opened, fault: ProviderFault) -> MuseKitError:
    """Return what a fault of a service means to the person who asked."""
    assert opened.choice is not None
    name = opened.choice.provider.label
    mine = (
        "The answer broke off; what came of it is not whole."
        if opened.progress.text
        else "Nothing was written and nothing is lost."
    )
    extra = {"provider": opened.choice.provider.key, "fault": fault.kind}
    if fault.kind in {"unreachable", "busy"}:
        what = "cannot be reached" if fault.kind == "unreachable" else "has too much to do"
        wait = {} if fault.retry_after is None else {"Retry-After": str(round(fault.retry_after))}
        return UnavailableError(
            f"{name} {what} at the moment. {mine} Try again.", extra=extra, headers=wait
        )
    if fault.kind == "unauthorized":
        return AnswerError(
            f"{name} does not take the key it was given. {mine} Whoever set it up corrects it.",
            extra=extra,
        )
    if fault.kind == "rejected":
        return AnswerError(
            f"{name} does not take this call. {mine} Whoever set it up looks at the model’s name"
            " and the address.",
            extra=extra,
        )
    return AnswerError(f"{name} gave an answer that is not usable. {mine}", extra=extra)
