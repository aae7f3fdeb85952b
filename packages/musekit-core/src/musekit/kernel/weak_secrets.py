"""Secrets that are none: placeholders, too short, or one used for two things.

A secret that opens two doors is only as safe as the worse door: whoever is given one of them, a
cron service say, has both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

from musekit.kernel.advice import Fault
from musekit.kernel.settings import CoreSettings
from musekit.kernel.variables import Secret, secrets_of

#: Least length of secrets that we choose ourselves.
LEAST = 32
MAKE_ONE = (
    "Make one with `python -c 'import secrets; print(secrets.token_urlsafe(32))'`."
)  # fmt: skip
#: Values that are in many examples and in nobody's safe.
_PLACEHOLDERS = frozenset({
    "changethis", "changeme", "secret", "password", "default", "example", "replaceme", "todo",
    "test", "none", "null", "admin", "letmein", "supersecret", "mysecret", "notsecret", "dummy",
    "placeholder", "insecure", "12345678", "password123",
})  # fmt: skip
#: How further ones begin; long enough that no random secret begins so.
_BEGINNING = re.compile(
    r"(?i)(your|change|replace|insert|put|enter)[-_ ]?(me|this|your|with|the|own|here|it)"
    r"|your[-_ ]|x{5}|<|\$\{|\{\{"
)
#: Variables of the core whose values guard our own doors, and so must not be known to others.
_RING = "SOCIAL_ENCRYPTION_KEY"


def is_placeholder(value: str) -> bool:
    """Say whether a value is one that stands in examples until somebody puts a secret there."""
    plain = "".join(char for char in value.casefold() if char not in " -_.")
    return plain in _PLACEHOLDERS or len(set(plain)) <= 2 or bool(_BEGINNING.match(value))


def of_core(settings: CoreSettings) -> Iterator[Fault]:
    """Yield what is wrong with the core's own secrets, before anything else is read."""
    held = [each for each in secrets_of(settings) if each.variable != _RING]
    for secret in held:
        if is_placeholder(secret.value):
            yield _placeholder(secret)
        elif len(secret.value.encode()) < LEAST:
            yield Fault(
                "short-secret",
                f"{secret.variable} is shorter than {LEAST} bytes, so it can be guessed.", MAKE_ONE,
            )  # fmt: skip
    yield from _alike(held)
    ring = settings.social_encryption_key
    for secret in held:
        if ring is not None and _is_part(secret.value, ring.get_secret_value()):
            yield Fault(
                "equal-secrets", f"{secret.variable} is part of {_RING}.",
                f"Keep the key ring; for the other: {MAKE_ONE}",
            )  # fmt: skip


def placeholders(secrets: Iterable[Secret]) -> Iterator[Fault]:
    """Yield the secrets of a section that are placeholders.

    How long a secret is that another service gives us is their affair.
    """
    for secret in secrets:
        if is_placeholder(secret.value):
            yield _placeholder(secret)


def shared(settings: CoreSettings, others: Mapping[str, list[Secret]]) -> Iterator[Fault]:
    """Yield secrets of ours that are used for something else as well.

    Args:
        others: the secrets of all other sections, by plugin. Among themselves they may be alike
            (one key of a service, given to two features), unless something is verified by one.
    """
    listed = [each for found in others.values() for each in found]
    ours = [each for each in secrets_of(settings) if each.variable != _RING]
    ring = settings.social_encryption_key
    for secret in listed:
        if ring is not None and _is_part(secret.value, ring.get_secret_value()):
            yield Fault(
                "equal-secrets", f"{secret.variable} is part of {_RING}.",
                "Keep the key ring, and make the other one anew.",
            )  # fmt: skip
    verifying = [each for each in listed if "WEBHOOK" in each.variable]
    for secret in {*ours, *verifying}:
        yield from (
            _both(secret, other)
            for other in listed
            if other.variable > secret.variable or other not in verifying
            if other.variable != secret.variable and other.value == secret.value
        )


def _is_part(value: str, ring: str) -> bool:
    # What is shorter is in many a text by chance.
    return len(value) >= 16 and value in ring


def _alike(secrets: list[Secret]) -> Iterator[Fault]:
    for one, other in combinations(secrets, 2):
        if one.value == other.value and one.variable != other.variable:
            yield _both(one, other)


def _both(one: Secret, other: Secret) -> Fault:
    return Fault(
        "equal-secrets", f"{one.variable} and {other.variable} are the same secret.",
        f"Whoever knows one has both: give one of them another value. {MAKE_ONE}",
    )  # fmt: skip


def _placeholder(secret: Secret) -> Fault:
    return Fault(
        "placeholder-secret", f"{secret.variable} holds a placeholder that anybody can guess.",
        f"Set the real value, or unset it. {MAKE_ONE}",
    )  # fmt: skip
