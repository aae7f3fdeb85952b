"""The units of work around a call: before it what it may use is set aside, after it is counted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from musekit.ai import budgets, choosing, ledger, prices
from musekit.ai.answering import Progress
from musekit.ai.choosing import Choice
from musekit.ai.results import NoModelError
from musekit.ai.settings import AISettings
from musekit.errors import InvalidError, NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.providers import AICall, ProviderFault, Usage
from musekit.spaces.models import Space

logger = logging.getLogger(__name__)

SYSTEM = Actor.system("ai")
Offline = Callable[[AICall], "str | BaseModel"]
#: Seconds beyond the time of a call after which what it holds is given back, and it counts as lost.
MARGIN = 60.0
#: Seconds after which a call that was begun cannot go on: twice the longest time, and the margin.
LOST_AFTER = 2 * 600 + MARGIN


@dataclass
class Opened:
    """A call that has begun.

    Attributes:
        choice: the service that answers; None: the offline drafter.
        held: what is set aside for it in the plan.
    """

    host: Host
    call: AICall
    id: UUID
    choice: Choice | None
    held: budgets.Held
    progress: Progress = field(default_factory=Progress)

    @property
    def retries(self) -> int:
        """Further tries while nothing has come."""
        return self.host.settings_of(AISettings).retries

    def cost(self, usage: Usage | None) -> int | None:
        """Return what so many tokens cost; None: unknown."""
        if usage is None or self.choice is None:
            return None
        own = self.host.settings_of(AISettings).prices
        provider, model = self.choice.provider.key, self.choice.config.model
        return prices.cost_micros(provider, model, usage, own)


def begin(
    host: Host,
    actor: Actor,
    call: AICall,
    *,
    offline: Offline | None,
    space_id: UUID | None,
    choice: Choice | None = None,
) -> Opened:
    """Choose who answers a call, set aside what it may use, and write it into the ledger.

    Args:
        choice: ask this service, whatever is set up: a test by whom it is of. No plan limits it.

    Raises:
        NoModelError: no model is set up, and there is no `offline`.
        LimitReachedError: the plan allows no more.
        UnavailableError: the service that is to answer cannot be used.
        InvalidError: nobody has declared the call's product.
    """
    space = space_id or actor.space_id
    if space is None:
        raise ValueError("a call is of a space: give its id where the actor is in none")
    chosen = choice
    with host.database.session(SYSTEM, readonly=True) as session:
        row = session.execute(
            select(Space.organization_id, Space.timezone).where(Space.id == space)
        ).one_or_none()
        if row is None:
            raise NotFoundError("There is no such space.")
        organization_id, zone = row
        choice = choice or choosing.choose(session, host, organization_id)
    if choice is None and offline is None:
        raise NoModelError("No language model is set up here. The operator can choose one.")
    opened = Opened(host, call, new_id(), choice, ())
    budget = None
    limited = choice is not None and chosen is None and not choice.own_key
    if limited and host.registry.products:
        try:
            budget = budgets.Budget(host, call.product, space)
        except LookupError:
            raise InvalidError(f"There is no product “{call.product}” here.") from None
    if (prepare := getattr(choice and choice.provider, "prepare", None)) is not None:
        prepare()  # nothing is set aside yet, and no time of the call runs
    most = opened.cost(_estimate(call)) or 0
    with host.database.session(SYSTEM) as session:
        if budget is not None and choice is not None:
            seconds = _longest(choice, call) + MARGIN
            opened.held = budget.reserve(session, zone, micros=most, seconds=seconds)
        ledger.begin(
            session, opened.id, call, space_id=space, organization_id=organization_id,
            user_id=actor.user_id, provider=choice.provider.key if choice else "offline",
            model=choice.config.model if choice else "",
            source="provider" if choice else "offline",
            own_key=choice is not None and choice.own_key,
        )  # fmt: skip
    return opened


def end(opened: Opened) -> int | None:
    """Count a whole answer and close its row; return its cost, None if nobody knows it."""
    usage = opened.progress.total
    cost = opened.cost(usage)
    _close(opened, "done", usage=usage, cost=cost, counted=cost or 0)
    return cost


def fail(opened: Opened, error: BaseException) -> None:
    """Close the row of a call that failed; what had come of it until then is counted."""
    progress = opened.progress
    kind = error.kind if isinstance(error, ProviderFault) else type(error).__name__
    told = error.told if isinstance(error, ProviderFault) else ""
    logger.warning(
        "AI call %s of %s failed: %s %s", opened.id,
        opened.choice.provider.key if opened.choice else "offline", kind, told,
    )  # fmt: skip
    if progress.text:
        # Cut in the middle, so it was paid for. Where the service has not said how much that is,
        # what was seen of it counts.
        usage = progress.total
        cost = opened.cost(usage)
        counted = max(cost or 0, opened.cost(_seen(opened)) or 0)
        _close(opened, "cut", usage=usage, cost=cost, counted=counted, error=kind)
        return
    with opened.host.database.session(SYSTEM) as session:
        if ledger.end(
            session, opened.id, "failed", error_class=kind, duration_ms=progress.passed_ms
        ):
            budgets.release(session, opened.held)


def _close(
    opened: Opened,
    state: ledger.State,
    *,
    usage: Usage | None,
    cost: int | None,
    counted: int,
    error: str | None = None,
) -> None:
    with opened.host.database.session(SYSTEM) as session:
        if ledger.end(
            session, opened.id, state, usage=usage, cost_micros=cost, error_class=error,
            first_token_ms=opened.progress.first_token_ms,
            duration_ms=opened.progress.passed_ms,
        ):  # fmt: skip
            budgets.settle(session, opened.held, micros=counted)


def _estimate(call: AICall) -> Usage:
    """Return the most that a call is likely to use, a second answer of the right shape included."""
    usage = prices.estimate(_characters(call), call.max_tokens)
    if call.schema is None:
        return usage
    again = prices.estimate(_characters(call) + 3 * call.max_tokens, call.max_tokens)
    return Usage(
        usage.input_tokens + again.input_tokens, usage.output_tokens + again.output_tokens
    )  # fmt: skip


def _seen(opened: Opened) -> Usage:
    """Return about how many tokens a call has read and written, by what came of it."""
    written = sum(map(len, opened.progress.text))
    return Usage(_characters(opened.call) // 4, written // 4)


def _characters(call: AICall) -> int:
    return sum(len(each.content) for each in call.messages)


def _longest(choice: Choice, call: AICall) -> float:
    """Return the seconds after which a call is over for sure."""
    return choice.config.timeout_seconds * (1 if call.schema is None else 2)
