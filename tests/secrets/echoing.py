"""A network that repeats in each error what it was sent, tokens too; and platforms for it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from passivepost.api import (
    AuthExpired,
    AuthRevoked,
    Capabilities,
    CredentialField,
    CredentialForm,
    Credentials,
    Delivery,
    Duplicate,
    Feature,
    Identity,
    Misconfigured,
    OAuth,
    OutcomeUnknown,
    Platform,
    Published,
    Rejected,
    Retryable,
    TextRule,
)


class Network:
    """The network. `tokens` are given out in order; `broken` makes its token endpoint refuse."""

    def __init__(self, canaries: Any) -> None:
        self.canaries = canaries
        self.broken: str | None = None
        self.app = Starlette(
            routes=[
                Route("/token", self.token, methods=["POST"]),
                Route("/revoke", self.revoke, methods=["POST"]),
                Route("/{path:path}", self.anything, methods=["GET", "POST"]),
            ]
        )

    async def token(self, request: Request) -> Response:
        """Give new tokens, or an error that repeats the code, the verifier and the secret."""
        form = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
        for name in ("code_verifier", "code", "refresh_token"):
            if name in form:
                self.canaries.keep(name, form[name])
        if self.broken:
            told = f"{form} {request.headers.get('authorization')}"
            status = int(self.broken.split()[0])
            error = self.broken.partition(" ")[2] or "invalid_grant"
            body = {"error": error, "error_description": told}
            return JSONResponse(body, status) if status != 599 else PlainTextResponse(told, 500)
        return JSONResponse(
            {
                "access_token": self.canaries.make("access token"),
                "refresh_token": self.canaries.make("refresh token"),
                "expires_in": 3600, "token_type": "bearer",
            }
        )  # fmt: skip

    async def revoke(self, request: Request) -> Response:
        """Refuse, repeating the token."""
        return PlainTextResponse((await request.body()).decode(), 500)

    async def anything(self, request: Request) -> Response:
        """Answer with what was sent."""
        sent = {"authorization": request.headers.get("authorization"), "path": request.url.path}
        return JSONResponse(sent, 200 if request.url.path == "/me" else 418)


ERRORS = {
    "rejected": Rejected, "retryable": Retryable, "expired": AuthExpired, "revoked": AuthRevoked,
    "duplicate": Duplicate, "misconfigured": Misconfigured, "unknown": OutcomeUnknown,
    "crash": RuntimeError, "key": KeyError, "value": ValueError,
}  # fmt: skip


class Echo(Platform):
    """Its errors hold whatever the network said, as those of careless authors do."""

    name, label, color, icon = "echo", "Echo", "#123456", "M0 0h24v24H0z"
    features = frozenset({Feature.FIND_PUBLISHED, Feature.METRICS, Feature.TRENDS})
    capabilities = Capabilities(text=TextRule(limit=500))
    delivery = Delivery(
        idempotency="none", read_back="yes", duplicate_signal="none", refresh="rotating",
        longest_call=5,
    )  # fmt: skip

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        self.refuse = ""  #: name of the error that `identify` raises
        self.connection = OAuth(
            authorize_url=f"{url}/authorize", token_url=f"{url}/token",
            revoke_url=f"{url}/revoke", scopes=("write",), client_id="me", client_secret=secret,
            pkce=True,
        )  # fmt: skip

    def validate(self, content: Any) -> list[str]:
        """Take anything."""
        return []

    async def _said(self, http: Any, credentials: Credentials, path: str) -> str:
        answer = await http.get(
            self._url + path, headers={"Authorization": f"Bearer {credentials.access_token}"}
        )
        plain = f"Token {credentials.access_token} is not good for {credentials.extra}"
        return f"{json.dumps(answer.json())} {plain} {credentials.refresh_token}"

    async def identify(self, http: Any, credentials: Credentials) -> Identity:
        """Say who it is, or raise what the test asks for."""
        said = await self._said(http, credentials, "/me")
        if self.refuse:
            raise ERRORS[self.refuse](said)
        return Identity(platform_user_id=f"@{self.name}", username=self.name)

    async def publish(self, call: Any) -> Published:
        """Fail as the text says."""
        said = await self._said(call.http, call.account.credentials, "/posts")
        kind = call.content.text.partition(" ")[0]
        if kind in ERRORS:
            raise ERRORS[kind](said)
        return Published(ids=["p1"])

    async def find_published(self, call: Any) -> None:
        """Fail."""
        raise RuntimeError(await self._said(call.http, call.account.credentials, "/find"))

    async def fetch_metrics(self, http: Any, account: Any, post_ids: Any) -> Any:
        """Fail."""
        raise Retryable(await self._said(http, account.credentials, "/metrics"))

    async def search_trends(self, http: Any, account: Any, query: str) -> Any:
        """Fail."""
        raise Misconfigured(await self._said(http, account.credentials, "/trends"))


class EchoForm(Echo):
    """The same, connected by an app password."""

    name, label = "echoform", "Echo form"
    features = frozenset()

    def __init__(self, url: str, secret: str) -> None:
        super().__init__(url, secret)
        self.connection = CredentialForm(
            fields=[
                CredentialField(name="handle", label="Handle"),
                CredentialField(name="app_password", label="App password", secret=True),
            ]
        )

    async def connect(self, http: Any, values: Any) -> Credentials:
        """Take the password for the token; or raise what the test asks for, with it inside."""
        if values["handle"] in ERRORS:
            raise ERRORS[values["handle"]](f"{dict(values)} is wrong: {values['app_password']}")
        return Credentials(
            access_token=values["app_password"], extra={"password": values["app_password"]}
        )
