"""What an OpenID Connect provider says of itself: its addresses and its keys.

OpenID Connect Discovery 1.0 §4 (2023-12). Both are kept for minutes; keys are asked for again when
a token names one that is not known: at once when they have been changed, but not more often than
twice a minute, whoever sends tokens.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from musekit.errors import UnavailableError
from musekit.kernel.outbound.client import Interrupted, NotSent, OutboundClient, Response

logger = logging.getLogger(__name__)

KEPT_SECONDS = 600.0
#: Keys that are not known are looked for at most this often; a change is met at once.
AGAIN_SECONDS = 30.0
TIMEOUT = 10.0
LIMIT = 256 * 1024


@dataclass(frozen=True)
class Metadata:
    """The part of the discovery document that is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    sends_issuer: bool  #: each answer names it, and one without is not its own (RFC 9207)
    posts_secret: bool  #: it takes the client's secret in the form alone


class Discovery:
    """Metadata and keys of one provider, fetched as needed; of one event loop."""

    def __init__(self, label: str, issuer: str) -> None:
        self._label, self._issuer = label, issuer
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, Sequence[Mapping[str, Any]]] | None = None
        self._looked_again = float("-inf")

    async def metadata(self, http: OutboundClient) -> Metadata:
        """Return what the provider says.

        Raises:
            UnavailableError: it does not answer, or not as it must.
        """
        if self._metadata is None or time.monotonic() - self._metadata[0] > KEPT_SECONDS:
            url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
            said = await self._get(http, url)
            self._metadata = time.monotonic(), self._checked(said)
        return self._metadata[1]

    async def keys(
        self, http: OutboundClient, *, unknown: bool = False
    ) -> Sequence[Mapping[str, Any]]:
        """Return the provider's keys (JWK).

        Args:
            unknown: a token names a key that is not among them: look again.

        Raises:
            UnavailableError: as `metadata`.
        """
        now = time.monotonic()
        again = unknown and now - self._looked_again > AGAIN_SECONDS
        if self._keys is None or again or now - self._keys[0] > KEPT_SECONDS:
            if again:
                self._looked_again = now
            said = await self._get(http, (await self.metadata(http)).jwks_uri)
            found = said.get("keys")
            keys = found if isinstance(found, list) else []
            self._keys = now, [each for each in keys if isinstance(each, dict)]
        return self._keys[1]

    async def _get(self, http: OutboundClient, url: str) -> Mapping[str, Any]:
        try:
            answer = await http.get(
                url, headers={"Accept": "application/json"}, timeout=TIMEOUT, limit=LIMIT
            )
        except (NotSent, Interrupted, ValueError) as error:
            logger.warning("%s cannot be reached: %s", self._label, error)
            raise away(self._label) from None
        return self._object(answer, url)

    def _object(self, answer: Response, url: str) -> Mapping[str, Any]:
        said = json_object(answer)
        if answer.status_code != 200 or said is None:
            logger.warning("%s: %s answers %s", self._label, url, answer.status_code)
            raise away(self._label)
        return said

    def _checked(self, said: Mapping[str, Any]) -> Metadata:
        # Whoever names another issuer may be another: tokens would be theirs (RFC 9700 §4.4).
        if said.get("issuer") != self._issuer:
            logger.error("%s: its discovery document names another issuer", self._label)
            raise away(self._label)
        addresses = {}
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
            value = said.get(name, "")
            absent = value == "" and name == "userinfo_endpoint"
            if not absent and not self._is_safe(value):
                logger.error("%s: %s of its discovery document is not usable", self._label, name)
                raise away(self._label)
            addresses[name] = value
        ways = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Metadata(
            issuer=self._issuer, **addresses,
            sends_issuer=said.get("authorization_response_iss_parameter_supported") is True,
            posts_secret=isinstance(ways, list) and "client_secret_basic" not in ways,
        )  # fmt: skip

    def _is_safe(self, url: object) -> bool:
        """Say whether something is an address, as well guarded as the issuer's own."""
        if not isinstance(url, str):
            return False
        parts, own = urlsplit(url), urlsplit(self._issuer)
        return bool(parts.hostname) and parts.scheme in {"https", own.scheme}


def json_object(answer: Response) -> Mapping[str, Any] | None:
    """Return the JSON object of an answer; None if it is none."""
    try:
        said = answer.json()
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def away(label: str) -> UnavailableError:
    """Return the error for a provider that does not answer."""
    return UnavailableError(
        f"{label} does not answer as it should just now. Nothing was changed. Try again in a"
        " moment, or come in another way."
    )
