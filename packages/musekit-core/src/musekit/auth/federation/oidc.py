"""Signing in by OpenID Connect: authorization code with PKCE (OpenID Connect Core 1.0 §3.1).

The browser is sent to the provider and comes back with a code; everything that counts goes from
us to the provider. It keeps no tokens: they are used for who somebody is, once.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from musekit.auth.federation import id_token
from musekit.auth.federation.discovery import Discovery, Metadata, away, json_object
from musekit.auth.federation.errors import ProofError, not_proven
from musekit.kernel.host import Host
from musekit.kernel.outbound.client import Interrupted, NotSent, OutboundClient, Response
from musekit.providers import FlowStart, FlowTaken, Identity

logger = logging.getLogger(__name__)

TIMEOUT = 15.0
LIMIT = 256 * 1024
#: Longer codes are none of a provider's.
LONGEST_CODE = 4096


class OidcProvider:
    """One registration with one OpenID Connect provider.

    Args:
        issuer: exactly as its discovery document names it.
        proves_anew: it can be asked for a proof that is younger than a moment, and says when that
            was (``max_age``, ``auth_time``); others only ask which account it is to be.
    """

    kind: Literal["oidc", "oauth", "saml"] = "oidc"
    organization_bound = False

    def __init__(
        self,
        *,
        key: str,
        label: str,
        issuer: str,
        client_id: str,
        client_secret: str = "",
        scopes: Sequence[str] = ("openid", "email", "profile"),
        icon: str = "log-in",
        proves_anew: bool = True,
    ) -> None:
        self.key, self.label, self.icon = key, label, icon
        self.issuer, self.proves_anew = issuer, proves_anew
        self._client_id, self._client_secret = client_id, client_secret
        self._scopes = scopes
        self._discovery = Discovery(label, issuer)

    def begin(self, host: Host, flow: FlowStart) -> str:
        """Return the address of the provider's sign-in for a flow."""
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        said = host.portal.call(self._discovery.metadata, host.portal.client)
        extra = {"login_hint": flow.hint} if flow.hint else {}
        if flow.fresh_since is not None:
            extra |= (
                {"prompt": "login", "max_age": "0"}
                if self.proves_anew else {"prompt": "select_account"}
            )  # fmt: skip
        url: str = prepare_grant_uri(
            said.authorization_endpoint, self._client_id, "code",
            redirect_uri=flow.redirect_uri, scope=list(self._scopes), state=flow.state,
            nonce=flow.nonce, code_challenge=create_s256_code_challenge(flow.verifier),
            code_challenge_method="S256", **extra,
        )  # fmt: skip
        return url

    def finish(self, host: Host, flow: FlowTaken, answer: Mapping[str, str]) -> Identity:
        """Exchange the code, and judge what comes.

        Raises:
            ProofError: it proves nothing.
            UnavailableError: the provider does not answer.
        """
        import joserfc.jwt  # noqa: F401 - not for the first time in the portal's loop

        return host.portal.call(self._finish, host.portal.client, flow, answer)

    async def _finish(
        self, http: OutboundClient, flow: FlowTaken, answer: Mapping[str, str]
    ) -> Identity:
        said = await self._discovery.metadata(http)
        # Whose answer it is, before the code is shown to anybody (RFC 9207 §2.4).
        if ("iss" in answer or said.sends_issuer) and answer.get("iss") != self.issuer:
            raise self._refused("issuer of the answer")
        code = answer.get("code", "")
        if not 0 < len(code) <= LONGEST_CODE:
            raise self._refused("no code")
        tokens = await self._exchange(http, said, flow, code)
        claims = await self._claims(http, flow, tokens)
        if claims.get("email") is None or claims.get("email_verified") is None:
            claims |= await self._userinfo(http, said, tokens, claims["sub"])
        email, name = claims.get("email"), claims.get("name")
        return Identity(
            issuer=self.issuer, subject=claims["sub"],
            email=email if isinstance(email, str) else "",
            # Some write it as text (and `bool("false")` would be true).
            email_verified=claims.get("email_verified") in (True, "true"),
            name=name if isinstance(name, str) else "",
        )  # fmt: skip

    async def _exchange(
        self, http: OutboundClient, said: Metadata, flow: FlowTaken, code: str
    ) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code", "code": code, "code_verifier": flow.verifier,
            "redirect_uri": flow.redirect_uri,
        }  # fmt: skip
        basic = None
        if self._client_secret and not said.posts_secret:
            # RFC 6749 §2.3.1: both are form-encoded before they are joined.
            basic = quote(self._client_id, safe=""), quote(self._client_secret, safe="")
        else:
            form["client_id"] = self._client_id
            if self._client_secret:
                form["client_secret"] = self._client_secret
        response = await self._send(http, "POST", said.token_endpoint, data=form, auth=basic)
        tokens = json_object(response)
        if response.status_code >= 500 or tokens is None:
            raise away(self.label)
        if response.status_code != 200:
            # An error code of RFC 6749 §5.2, cut to its form: some repeat the request in it.
            error = str(tokens.get("error", ""))[:40]
            logger.warning("%s refuses a code: %s", self.label, error if error.isascii() else "?")
            raise self._refused("the code was refused")
        return tokens

    async def _claims(
        self, http: OutboundClient, flow: FlowTaken, tokens: Mapping[str, Any]
    ) -> dict[str, Any]:
        access = tokens.get("access_token")
        access = access if isinstance(access, str) else ""
        fresh = flow.fresh_since if self.proves_anew else None

        def verify(keys: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
            return id_token.verify(
                tokens.get("id_token"), keys, issuer=self.issuer, client_id=self._client_id,
                nonce=flow.nonce, access_token=access, fresh_since=fresh,
            )  # fmt: skip

        try:
            try:
                return verify(await self._discovery.keys(http))
            except id_token.UnknownKeyError:  # they change them now and then
                return verify(await self._discovery.keys(http, unknown=True))
        except id_token.BadTokenError as error:
            raise self._refused(str(error)) from None

    async def _userinfo(
        self, http: OutboundClient, said: Metadata, tokens: Mapping[str, Any], subject: str
    ) -> dict[str, Any]:
        """Return what the provider tells of somebody beside the ID token (§5.3)."""
        access = tokens.get("access_token")
        if not said.userinfo_endpoint or not isinstance(access, str) or not access.isascii():
            return {}
        response = await self._send(
            http, "GET", said.userinfo_endpoint, headers={"Authorization": f"Bearer {access}"}
        )
        told = json_object(response)
        if response.status_code != 200 or told is None:
            raise away(self.label)
        # The answer is not signed: it is about whom the ID token names, or about nobody (§5.3.2).
        given = told.get("sub")
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), subject.encode()):
            raise self._refused("userinfo is about somebody else")
        # An address and whether it is verified belong together, and come from one place.
        found = ("email", "email_verified") if told.get("email") else ()
        return {name: told.get(name) for name in (*found, "name") if name in told or name in found}

    async def _send(self, http: OutboundClient, method: str, url: str, **more: Any) -> Response:
        headers = {"Accept": "application/json", **more.pop("headers", {})}
        try:
            return await http.request(
                method, url, headers=headers, timeout=TIMEOUT, limit=LIMIT, **more
            )
        except (NotSent, Interrupted, ValueError) as error:
            logger.warning("%s: %s", self.label, error)
            raise away(self.label) from None

    def _refused(self, reason: str) -> ProofError:
        logger.warning("%s: an answer was not accepted: %s", self.label, reason)
        return not_proven(self.label, reason)
