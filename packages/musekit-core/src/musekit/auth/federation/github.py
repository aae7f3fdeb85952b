"""Signing in by GitHub, which speaks OAuth 2.0 but no OpenID Connect.

Who somebody is: the numeric id, which stays when they rename themselves and is given to nobody
else afterwards, as login names are. Facts from docs.github.com, “Authorizing OAuth apps” and
“Emails” of the REST API (version 2022-11-28), to be read again before relying on more than these:
PKCE with S256, errors of the token endpoint come with status 200, and the address that counts is
the primary one of ``/user/emails``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from musekit.auth.federation.discovery import away
from musekit.auth.federation.errors import ProofError, not_proven
from musekit.kernel.host import Host
from musekit.kernel.outbound.client import Interrupted, NotSent, OutboundClient
from musekit.providers import FlowStart, FlowTaken, Identity

logger = logging.getLogger(__name__)

SCOPES = ("read:user", "user:email")
VERSION = "2022-11-28"
TIMEOUT = 15.0
LIMIT = 256 * 1024
LONGEST_CODE = 200


class GitHubProvider:
    """An OAuth app at GitHub, or at a GitHub Enterprise Server.

    Args:
        url: of its pages; also the issuer.
        api_url: of its REST API.
    """

    key, label, icon = "github", "GitHub", "brand-github"
    kind: Literal["oidc", "oauth", "saml"] = "oauth"
    organization_bound = False
    #: It does not say when somebody has given their password.
    proves_anew = False

    def __init__(self, *, client_id: str, client_secret: str, url: str, api_url: str) -> None:
        self._client_id, self._client_secret = client_id, client_secret
        self.issuer, self._api_url = url.rstrip("/"), api_url.rstrip("/")

    def begin(self, host: Host, flow: FlowStart) -> str:
        """Return the address of GitHub's page for a flow."""
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        extra = {"login": flow.hint} if flow.hint else {}
        if flow.fresh_since is not None:
            extra["prompt"] = "select_account"
        url: str = prepare_grant_uri(
            f"{self.issuer}/login/oauth/authorize", self._client_id, "code",
            redirect_uri=flow.redirect_uri, scope=list(SCOPES), state=flow.state,
            code_challenge=create_s256_code_challenge(flow.verifier),
            code_challenge_method="S256", **extra,
        )  # fmt: skip
        return url

    def finish(self, host: Host, flow: FlowTaken, answer: Mapping[str, str]) -> Identity:
        """Exchange the code, and ask who it is.

        Raises:
            ProofError: it proves nothing.
            UnavailableError: GitHub does not answer.
        """
        return host.portal.call(self._finish, host.portal.client, flow, answer)

    async def _finish(
        self, http: OutboundClient, flow: FlowTaken, answer: Mapping[str, str]
    ) -> Identity:
        # It need not name itself; an answer that names another site is not its own (RFC 9207).
        if "iss" in answer and urlsplit(answer["iss"]).netloc != urlsplit(self.issuer).netloc:
            raise self._refused("issuer of the answer")
        code = answer.get("code", "")
        if not 0 < len(code) <= LONGEST_CODE:
            raise self._refused("no code")
        token = await self._exchange(http, flow, code)
        person = await self._ask(http, "/user", token)
        number = person.get("id") if isinstance(person, dict) else None
        if isinstance(number, bool) or not isinstance(number, int) or number <= 0:
            raise self._refused("no id")
        email, verified = _address(await self._ask(http, "/user/emails", token))
        name = person.get("name") or person.get("login")
        return Identity(
            issuer=self.issuer, subject=str(number), email=email, email_verified=verified,
            name=name if isinstance(name, str) else "",
        )  # fmt: skip

    async def _exchange(self, http: OutboundClient, flow: FlowTaken, code: str) -> str:
        form = {
            "client_id": self._client_id, "client_secret": self._client_secret, "code": code,
            "redirect_uri": flow.redirect_uri, "code_verifier": flow.verifier,
        }  # fmt: skip
        url = f"{self.issuer}/login/oauth/access_token"
        said = await self._send(http, "POST", url, data=form)
        token = said.get("access_token") if isinstance(said, dict) else None
        kind = said.get("token_type") if isinstance(said, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise self._refused("the code was refused")
        if not isinstance(kind, str) or kind.lower() != "bearer":
            raise self._refused("token of another kind")
        return token

    async def _ask(self, http: OutboundClient, path: str, token: str) -> Any:
        headers = {"Authorization": f"Bearer {token}", "X-GitHub-Api-Version": VERSION}
        return await self._send(http, "GET", f"{self._api_url}{path}", headers=headers)

    async def _send(self, http: OutboundClient, method: str, url: str, **more: Any) -> Any:
        headers = {"Accept": "application/json", **more.pop("headers", {})}
        try:
            answer = await http.request(
                method, url, headers=headers, timeout=TIMEOUT, limit=LIMIT, **more
            )
            if answer.status_code == 200:
                return answer.json()
            logger.warning("%s answers %s", self.label, answer.status_code)
        except (NotSent, Interrupted, ValueError) as error:
            logger.warning("%s: %s", self.label, error)
        raise away(self.label)

    def _refused(self, reason: str) -> ProofError:
        logger.warning("%s: an answer was not accepted: %s", self.label, reason)
        return not_proven(self.label, reason)


def _address(emails: object) -> tuple[str, bool]:
    """Return the primary address of a list, and whether GitHub vouches for it."""
    for each in emails if isinstance(emails, list) else ():
        if isinstance(each, dict) and each.get("primary") is True:
            email = each.get("email")
            return (email if isinstance(email, str) else ""), each.get("verified") is True
    return "", False
