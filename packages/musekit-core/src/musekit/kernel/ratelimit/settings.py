"""The rates of the core's policies as settings."""

from __future__ import annotations

import os
import re
from dataclasses import replace

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from musekit.declarations import RateLimit
from musekit.errors import ConfigurationError
from musekit.kernel.ratelimit import policies

_RATE = r"^[1-9]\d{0,8}/[1-9]\d{0,6}$"


def _rate(policy: RateLimit, description: str) -> str:
    return Field(f"{policy.hits}/{policy.seconds}", pattern=_RATE, description=description)


class LimitSettings(BaseSettings):
    """Rates as ``hits/seconds``. Each is ``MUSEKIT_LIMIT_`` and the name below in capitals.

    Policies of plugins are set in the same way, by the names that `docs/endpoints.md` gives.
    """

    model_config = SettingsConfigDict(env_prefix="MUSEKIT_LIMIT_", extra="ignore")

    reads: str = _rate(policies.READS, "reading, by one person, token or visitor's address")
    writes: str = _rate(policies.WRITES, "changing things, by the same")
    public: str = _rate(policies.PUBLIC, "what is open to everybody, by one address")
    sign_in_pair: str = _rate(policies.SIGN_IN_PAIR, "sign-ins of one address for one mailbox")
    sign_in_address: str = _rate(policies.SIGN_IN, "sign-ins of one address")
    sign_in_mailbox: str = _rate(policies.SIGN_IN_MAILBOX, "sign-ins for one mailbox")
    sign_up: str = _rate(policies.SIGN_UP, "sign-ups of one address")
    reset_address: str = _rate(policies.RESET, "mails asked for by one address")
    reset_mailbox: str = _rate(policies.RESET_MAILBOX, "mails asked for to one mailbox")
    approval: str = _rate(policies.APPROVAL, "approval links opened by one address")
    ai: str = _rate(policies.AI, "calls of AI models by one space")

    def of(self, policy: RateLimit) -> RateLimit:
        """Return a policy with the rate that is set, as strict in proportion without the store."""
        name = policy.name.replace("-", "_")
        text = getattr(self, name, None)
        if not isinstance(text, str):  # a policy of a plugin
            text = os.environ.get(f"MUSEKIT_LIMIT_{name.upper()}", "").strip()
            if not text:
                return policy
            if not re.fullmatch(_RATE, text):
                raise ConfigurationError(
                    f"MUSEKIT_LIMIT_{name.upper()}: rates are hits/seconds, such as 30/60"
                )
        hits, seconds = (int(part) for part in text.split("/"))
        strict = policy.strict_hits
        if strict is not None:
            strict = max(1, hits * strict // policy.hits)
        return replace(policy, hits=hits, seconds=seconds, strict_hits=strict)
