"""Forms: bringing the faults of input back to the fields they belong to."""

from __future__ import annotations

from musekit.errors import InvalidError


def errors_of(error: InvalidError) -> dict[str, str]:
    """Return field → message, for the macros; under ``""`` what belongs to no field."""
    found = {str(each.get("field", "")): str(each.get("message", ""))
             for each in error.extra.get("errors", ())}  # fmt: skip
    return found or {"": error.detail}
