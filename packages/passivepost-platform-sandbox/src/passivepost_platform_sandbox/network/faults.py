"""Faults the network can be told to play, to show what a client makes of them.

A rule names the fault, the operation (``post``, ``media``, ``token``, ``read``, ``metrics``,
``delete``, ``me``, ``trends`` or ``any``), the account (``*`` or a username), and how often:
``times`` (the next n), ``skip`` (let n pass first) and ``probability``. Rules are tried in order;
``slow`` adds up, of the others the first that applies is played. Rules live in memory.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field
from typing import Any

#: Played instead of carrying the request out.
BEFORE = frozenset(
    {"rate_limit", "expired", "revoked", "reject", "duplicate", "media_gone", "error", "hang",
     "reset", "redirect"}
)  # fmt: skip
#: Played after the request was carried out: only the answer suffers.
AFTER = frozenset({"accept_then_500", "accept_then_hang", "accept_then_reset"})
FAULTS = BEFORE | AFTER | {"slow"}
OPERATIONS = frozenset(
    {"post", "media", "token", "read", "metrics", "delete", "me", "trends", "any"}
)
#: How a 429 says when to come back.
RESET_STYLES = frozenset({"retry-after", "http-date", "x-rate-limit-reset", "ratelimit-reset"})
#: What a refusal of a repeat carries: the id of the first, nothing, or an id that does not exist.
DUPLICATE_STYLES = frozenset({"id", "no_id", "ghost"})


@dataclass(kw_only=True)
class Rule:
    """One fault to play; see the module for the common arguments.

    Args:
        retry_after: seconds, of a ``rate_limit``; calls before then are refused too.
        style: of a ``rate_limit`` (`RESET_STYLES`) or ``duplicate`` (`DUPLICATE_STYLES`).
        always: a ``duplicate`` also where nothing was posted before.
        status: of an ``error``. `seconds`: of ``hang`` and ``slow``.
        message: of a ``reject``.
        text: only for posts whose text holds this.
    """

    fault: str
    op: str = "post"
    account: str = "*"
    times: int | None = None
    skip: int = 0
    probability: float = 1.0
    retry_after: float = 30.0
    style: str = ""
    always: bool = False
    status: int = 500
    seconds: float = 60.0
    text: str = ""
    message: str = "This post breaks the rules of the sample network."
    hits: int = field(default=0)

    def __post_init__(self) -> None:
        if self.fault not in FAULTS:
            raise ValueError(f"no fault “{self.fault}”; there are {', '.join(sorted(FAULTS))}")
        if self.op not in OPERATIONS:
            raise ValueError(f"no operation “{self.op}”; there are {', '.join(sorted(OPERATIONS))}")
        if self.fault == "rate_limit":
            self._check_style(RESET_STYLES, "retry-after")
        if self.fault == "duplicate":
            self._check_style(DUPLICATE_STYLES, "id")

    def _check_style(self, known: frozenset[str], default: str) -> None:
        self.style = self.style or default
        if self.style not in known:
            raise ValueError(f"no style “{self.style}”; there are {', '.join(sorted(known))}")


@dataclass
class Plan:
    """What is played for one request."""

    delay: float = 0.0
    before: Rule | None = None
    after: Rule | None = None


class Faults:
    """The rules in force."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        #: Account → time until which it is rate-limited, and in which style it is told.
        self.limited: dict[str, tuple[float, str]] = {}
        self._random = random.Random(0)  # noqa: S311 - a repeatable choice, not a secret

    def replace(self, rules: list[dict[str, Any]], seed: int = 0) -> None:
        """Put new rules in force. Raises ValueError, with the fault of the input."""
        try:
            self.rules = [Rule(**rule) for rule in rules]
        except TypeError as error:
            raise ValueError(str(error).replace("Rule.__init__() got ", "")) from None
        self.limited.clear()
        self._random.seed(seed)

    def describe(self) -> list[dict[str, Any]]:
        """Return the rules with how often each was played."""
        return [asdict(rule) for rule in self.rules]

    @property
    def read_texts(self) -> bool:
        """True when a rule looks at texts, so that a request must be read before its plan."""
        return any(rule.text for rule in self.rules)

    def plan(self, op: str, account: str | None, text: str = "") -> Plan:
        """Choose what is played for a request, and count it as played."""
        plan = Plan()
        for rule in self.rules:
            if rule.text not in text or not self._applies(rule, op, account):
                continue
            if rule.fault == "slow":
                plan.delay += rule.seconds
            elif plan.before is None and plan.after is None:
                if rule.fault in BEFORE:
                    plan.before = rule
                else:
                    plan.after = rule
            else:
                continue
            rule.hits += 1
        return plan

    def _applies(self, rule: Rule, op: str, account: str | None) -> bool:
        if rule.op not in (op, "any") or rule.account not in ("*", account):
            return False
        if rule.times is not None and rule.hits >= rule.times:
            return False
        if rule.skip > 0:
            rule.skip -= 1
            return False
        return rule.probability >= 1 or self._random.random() < rule.probability
