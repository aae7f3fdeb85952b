"""Amounts as people read them. Stripe counts in a currency's smallest unit.

Which currencies have no smaller unit, or three digits of it: docs.stripe.com/currencies, read in
November 2026. (ISK and UGX have none either, and are counted in hundredths all the same.)
"""

from __future__ import annotations

_NONE = frozenset({
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf",
    "xof", "xpf",
})  # fmt: skip
_THREE = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
_SIGNS = {
    "usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "inr": "₹", "krw": "₩", "brl": "R$",
    "cad": "CA$", "aud": "A$", "nzd": "NZ$", "mxn": "MX$", "ils": "₪", "vnd": "₫",
}  # fmt: skip


def money(amount: int | None, currency: str, *, exact: bool = True) -> str:
    """Return an amount with its currency: ``$9.00``, ``12.50 CHF``; a dash for None.

    Args:
        amount: in the smallest unit of the currency; below zero for a credit.
        exact: False leaves out the digits of whole amounts: ``$9``.
    """
    if amount is None:
        return "–"
    code = currency.lower()
    digits = 0 if code in _NONE else 3 if code in _THREE else 2
    whole = not exact and amount % 10**digits == 0
    number = f"{abs(amount) / 10**digits:,.{0 if whole else digits}f}"
    sign = _SIGNS.get(code)
    text = f"{sign}{number}" if sign else f"{number} {code.upper()}"
    return f"−{text}" if amount < 0 else text


def every(interval: str, count: int) -> str:
    """Return how often it is paid: ``month``, ``3 months``."""
    return interval if count == 1 else f"{count} {interval}s"
