"""What calls cost: by the operator's prices, else by those that providers publish."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from musekit.providers import Usage

_MICROS = 1_000_000
#: What genai-prices calls the providers. The models of anybody's server are nobody's there.
_CALLED = {"openai": "openai", "xai": "x-ai", "anthropic": "anthropic"}

Prices = Mapping[str, tuple[float, float]]


def cost_micros(provider: str, model: str, usage: Usage, own: Prices) -> int | None:
    """Return what a call costs in millionths of a dollar, rounded up; None if nobody knows.

    Args:
        own: model → dollars per million tokens read and written, as the operator has set them.
    """
    if model in own:
        read, write = (Decimal(str(each)) for each in own[model])
        # Dollars per million tokens are millionths of a dollar per token.
        return math.ceil(read * usage.input_tokens + write * usage.output_tokens)
    if provider not in _CALLED:
        return None
    # 150 ms, with httpx2; its data is in the package, and nothing of it calls out unless told to.
    import genai_prices

    counted: dict[str, Any] = {
        "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens
    }  # fmt: skip
    if usage.cached_tokens:
        counted["cache_read_tokens"] = min(usage.cached_tokens, usage.input_tokens)
    try:
        price = genai_prices.calc_price(
            genai_prices.Usage(**counted), model_ref=model, provider_id=_CALLED[provider]
        )
    except LookupError:
        return None
    return math.ceil(price.total_price * _MICROS)


def estimate(characters: int, max_tokens: int) -> Usage:
    """Return the most that a call is likely to use: a token is three characters or more."""
    return Usage(input_tokens=characters // 3 + 16, output_tokens=max_tokens)
