"""What must be in no answer: secrets of anybody, and words of people of other spaces."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import httpx
from tests.isolation.world import Person, World, mark

#: Names of members that would hold secrets.
SECRET_NAME = re.compile(r"(?i)encrypted|hash|password|secret|token|verifier|csrf|cookie|(^|_)key")
#: Members with such a name that hold none, and the answers that give a secret once.
ALLOWED_NAMES = frozenset({"token_expires_at", "tokens_destroyed"})
GIVES_ONCE: Mapping[str, frozenset[str]] = {
    "POST /api/auth/sign-up": frozenset({"csrf_token"}),
    "POST /api/auth/sign-in": frozenset({"csrf_token"}),
    "POST /api/auth/sign-in/passkey": frozenset({"csrf_token"}),
    "POST /api/auth/re-authenticate": frozenset({"csrf_token"}),
    "POST /api/auth/re-authenticate/passkey": frozenset({"csrf_token"}),
    "POST /api/auth/password": frozenset({"csrf_token"}),
    "POST /api/auth/tokens": frozenset({"token"}),
    "POST /api/auth/sign-in/second-factor": frozenset({"csrf_token"}),
    "POST /api/auth/totp": frozenset({"shared_secret"}),
    "POST /api/webhooks": frozenset({"signing_secret"}),
    "POST /api/webhooks/{endpoint_id}/rotate": frozenset({"signing_secret"}),
    # They name what there is: tokens without their secrets, tiers as they are stored.
    "GET /api/admin/users/{user_id}": frozenset({"api_tokens"}),
    "GET /api/admin/products": frozenset({"key"}),
    "GET /api/admin/products/{product}": frozenset({"key"}),
    "GET /api/auth/export": frozenset({"api_tokens", "password_changed_at"}),
    "POST /account/export": frozenset({"api_tokens", "password_changed_at"}),
}
CIPHERTEXT = re.compile(r"\bv1\.[\w-]+\.[\w-]{16}\.[\w-]{8,}")
ARGON = "$argon2"


def names_in(value: Any) -> Iterator[str]:
    """Yield the name of every member, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from names_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names_in(inner)


def secret_names(route: str, answer: httpx.Response) -> list[str]:
    """Return members of an answer whose names say that they hold a secret."""
    if route == "GET /openapi.json":
        return []  # it describes members, see `test_the_document_promises_no_secret`
    if not answer.content or "json" not in answer.headers.get("content-type", ""):
        return []
    allowed = ALLOWED_NAMES | GIVES_ONCE.get(route, frozenset())
    return sorted({n for n in names_in(answer.json()) if SECRET_NAME.search(n)} - allowed)


def secrets_in(answer: httpx.Response, world: World) -> list[str]:
    """Return what of anybody's stored secrets stands in an answer, its headers included."""
    seen = answer.text + "\n".join(f"{k}: {v}" for k, v in answer.headers.multi_items()
                                   if k.lower() != "set-cookie")  # fmt: skip
    found = [
        f"a secret of {person.name}"
        for person in world.people.values()
        for secret in person.secrets
        if secret in seen
    ]
    found += ["ciphertext"] * bool(CIPHERTEXT.search(seen)) + ["a hash"] * (ARGON in seen)
    return found


def words_of(it: Person, answer: httpx.Response, ids: Iterable[str] = ()) -> list[str]:
    """Return what an answer tells of a person and their space."""
    telling = {
        "e-mail address": it.email, "text of a post": mark(it), "id of the user": str(it.user_id),
        "id of the space": str(it.space_id), "account": f"handle-{it.name}",
        **{f"id {n}": each for n, each in enumerate(ids)},
    }  # fmt: skip
    return [what for what, word in telling.items() if word in answer.text]


def undeclared(document: Mapping[str, Any], route: str, answer: httpx.Response) -> list[str]:
    """Return the members of an answer that its schema in the OpenAPI document does not list."""
    method, _, path = route.partition(" ")
    operation = document["paths"].get(path, {}).get(method.lower())
    if operation is None or not answer.content:
        return []
    declared = operation["responses"].get(str(answer.status_code))
    if declared is None:
        return [f"status {answer.status_code} is not declared"]
    kind = answer.headers["content-type"].partition(";")[0]
    content = declared.get("content", {}).get(kind)
    if content is None or (kind != "text/event-stream" and "schema" not in content):
        return [f"{kind} is not declared for {answer.status_code}"]
    if kind == "application/problem+json":
        return []  # open by RFC 9457; its members are looked at by name
    if kind == "text/event-stream":
        return []  # a schema describes one value, not a stream of them
    schema = content["schema"]
    return list(_unlisted(document, schema, json.loads(answer.content), ""))


def _unlisted(
    document: Mapping[str, Any], schema: Mapping[str, Any], value: Any, at: str
) -> Iterator[str]:
    choices = [_resolved(document, each) for each in
               schema.get("anyOf", schema.get("oneOf", [schema]))]  # fmt: skip
    if isinstance(value, list):
        inner = next((c["items"] for c in choices if "items" in c), {})
        for each in value:
            yield from _unlisted(document, inner, each, f"{at}[]")
    elif isinstance(value, dict):
        listed = [c for c in choices if "properties" in c]
        if not listed:
            if not any(c.get("additionalProperties") for c in choices):
                yield f"{at}: an object where none is declared"
            return
        best = max(listed, key=lambda c: len(c["properties"].keys() & value.keys()))
        for name, inner in value.items():
            if name not in best["properties"]:
                yield f"{at}.{name}"
            else:
                yield from _unlisted(document, best["properties"][name], inner, f"{at}.{name}")


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def promised(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the name of every member that a schema lists, however deep."""
    schema = _resolved(document, schema)
    for name, inner in schema.get("properties", {}).items():
        yield name
        yield from promised(document, inner)
    for inner in [*schema.get("anyOf", ()), *schema.get("oneOf", ()), schema.get("items")]:
        if inner:
            yield from promised(document, inner)
