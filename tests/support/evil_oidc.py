"""A provider that lies as it is told: OpenID Connect, and GitHub's OAuth, on loopback.

Honest until a lie is set, so that every refusal has its counterpart that is let in.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from tests.support.asgi import serve

CLIENT_ID, CLIENT_SECRET = "musekit", "a secret of the client"  # noqa: S105 - of this double
Header = dict[str, Any]
Claims = dict[str, Any]
Trouble = Callable[[], Awaitable[Response]]


def encoded(data: bytes) -> str:
    """Base64url without its padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def part(value: object) -> str:
    """A part of a token."""
    return encoded(json.dumps(value).encode())


def _number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8))


class Key:
    """An RSA key."""

    def __init__(self, kid: str = "", bits: int = 2048) -> None:
        self.kid = kid
        self.private = rsa.generate_private_key(65537, bits)

    def jwk(self, **more: Any) -> dict[str, Any]:
        """Its public half."""
        numbers = self.private.public_key().public_numbers()
        return {
            "kty": "RSA", "kid": self.kid, "use": "sig", "n": _number(numbers.n),
            "e": _number(numbers.e), **more,
        }  # fmt: skip

    def pem(self) -> bytes:
        """Its public half as text."""
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, data: bytes) -> bytes:
        """Sign as RS256 does."""
        return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())


class CurveKey(Key):
    """A P-256 key."""

    def __init__(self, kid: str = "") -> None:
        self.kid = kid
        self.curve = ec.generate_private_key(ec.SECP256R1())

    def jwk(self, **more: Any) -> dict[str, Any]:
        """Its public half."""
        numbers = self.curve.public_key().public_numbers()
        return {
            "kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig",
            "x": encoded(numbers.x.to_bytes(32)), "y": encoded(numbers.y.to_bytes(32)), **more,
        }  # fmt: skip

    def sign(self, data: bytes) -> bytes:
        """Sign as ES256 does."""
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        r, s = decode_dss_signature(self.curve.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)


@dataclass
class Lies:
    """What it says that is not so. Each starts honest."""

    claims: Callable[[Claims], Claims] = lambda claims: claims
    header: Callable[[Header], Header] = lambda header: header
    #: makes the token itself, from header and claims
    token: Callable[[Header, Claims], object] | None = None
    answer: Callable[[dict[str, Any]], Any] = lambda tokens: tokens
    userinfo: Callable[[dict[str, Any]], Any] = lambda told: told
    discovery: Callable[[dict[str, Any]], Any] = lambda said: said
    keys: Callable[[list[dict[str, Any]]], Any] = lambda keys: keys
    checks_pkce: bool = True
    #: by path: answers in the place of its own
    troubles: dict[str, Trouble] = field(default_factory=dict)


@dataclass
class Evil:
    """The provider."""

    url: str = ""
    key: Key = field(default_factory=lambda: Key("first"))
    lies: Lies = field(default_factory=Lies)
    codes: dict[str, tuple[dict[str, str], dict[str, Any]]] = field(default_factory=dict)
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: what came to the token endpoint
    exchanged: list[dict[str, str]] = field(default_factory=list)
    asked_keys: int = 0

    def agree(self, address: str, sub: str, email: str = "", **person: Any) -> dict[str, str]:
        """Let somebody agree who was sent here; return what the way back is to carry.

        Args:
            address: that our application sent the browser to.
            person: further claims.
        """
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = secrets.token_urlsafe(16)
        made = {"sub": sub, "email": email, "email_verified": True, "name": sub, **person}
        self.codes[code] = asked, made
        return {"code": code, "state": asked["state"], "iss": self.url}

    def sealed(self, header: Header, claims: Claims) -> str:
        """A token signed by the provider's key."""
        body = f"{part(header)}.{part(claims)}"
        return f"{body}.{encoded(self.key.sign(body.encode()))}"

    def redeem(self, form: dict[str, str]) -> tuple[int, Any]:
        """Exchange a code, once."""
        self.exchanged.append(form)
        asked, person = self.codes.pop(form.get("code", ""), ({}, {}))
        challenge = encoded(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if self.lies.checks_pkce and challenge != asked.get("code_challenge"):
            return 400, {"error": "invalid_grant"}
        if not asked or form.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        access = secrets.token_urlsafe(16)
        self.tokens[access] = person
        now = int(time.time())
        claims = self.lies.claims({
            "iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "auth_time": now,
            "nonce": asked.get("nonce", ""), "sub": person["sub"], "email": person["email"],
            "email_verified": person["email_verified"], "name": person["name"],
        })  # fmt: skip
        header = self.lies.header({"alg": "RS256", "kid": self.key.kid, "typ": "JWT"})
        made = (self.lies.token or self.sealed)(header, claims)
        tokens = {"access_token": access, "token_type": "bearer", "id_token": made}
        return 200, self.lies.answer(tokens)

    def discovery(self) -> dict[str, Any]:
        """The document that names its addresses."""
        return {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/auth",
            "token_endpoint": f"{self.url}/token", "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "authorization_response_iss_parameter_supported": True,
            "code_challenge_methods_supported": ["plain"],
        }  # fmt: skip

    def app(self) -> FastAPI:
        """Its HTTP side."""
        app = FastAPI()

        @app.middleware("http")
        async def trouble(request: Request, call_next: Any) -> Response:
            made = self.lies.troubles.get(request.url.path)
            return await made() if made else await call_next(request)

        @app.get("/.well-known/openid-configuration")
        def discovery() -> Any:
            return JSONResponse(self.lies.discovery(self.discovery()))

        @app.get("/keys")
        def keys() -> Any:
            self.asked_keys += 1
            return JSONResponse({"keys": self.lies.keys([self.key.jwk()])})

        @app.post("/token")
        @app.post("/login/oauth/access_token")
        async def token(request: Request) -> Any:
            status, said = self.redeem({k: str(v) for k, v in (await request.form()).items()})
            github = "/login/" in request.url.path
            return JSONResponse(said, 200 if github else status)

        @app.get("/userinfo")
        def userinfo(request: Request) -> Any:
            return JSONResponse(self.lies.userinfo(dict(self._bearer(request))))

        @app.get("/user")
        def user(request: Request) -> Any:
            person = self._bearer(request)
            return JSONResponse(self.lies.userinfo({"id": person["sub"], "login": person["name"]}))

        @app.get("/user/emails")
        def emails(request: Request) -> Any:
            person = self._bearer(request)
            return [
                {"email": "other@example.org", "primary": False, "verified": True},
                {"email": person["email"], "primary": True, "verified": person["email_verified"]},
            ]

        return app

    def _bearer(self, request: Request) -> dict[str, Any]:
        return self.tokens[request.headers["authorization"].removeprefix("Bearer ")]


@contextmanager
def running() -> Iterator[Evil]:
    """Serve one."""
    made = Evil()
    with serve(made.app()) as made.url:
        yield made


def way_back(key: str, said: dict[str, str], **other: str) -> str:
    """The address by which a browser comes back; `other` replaces, an empty text takes away."""
    query = {name: value for name, value in {**said, **other}.items() if value}
    return f"/sign-in/return/{key}?{urlencode(query)}"
