"""What the OpenAPI document says of every route alike: problems, and ``Idempotency-Key``."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from musekit.kernel.web.access import access_of
from musekit.kernel.web.idempotency import UNSAFE


def problem(text: str) -> dict[str, Any]:
    """Describe an answer that is a problem document."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "content": {"application/problem+json": {"schema": schema}}}


#: Answers that any API route may give, for the OpenAPI document.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: problem("The request cannot be understood, or not be done as sent"),
    401: problem("Nobody is signed in, or the token is not known"),
    403: problem("The actor lacks the right"),
    404: problem("There is no such thing in this space"),
    409: problem("Not possible in the present state"),
    413: problem("The body is too large"),
    422: problem("Some of the input cannot be accepted"),
    429: problem("A limit is reached; see Retry-After"),
}

#: See `musekit.kernel.web.idempotency`, which acts on it for every route.
IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "Chosen by the client, new for each piece of work. A repeat of the request with the same"
        " key gets the first answer, and the work is done once. While the first is at work the"
        " answer is 409 with Retry-After; 422, when the key came with another request."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def describe_keys(app: FastAPI, document: dict[str, Any]) -> None:
    """Add the header ``Idempotency-Key`` to each unsafe operation that people call."""
    for context in iter_route_contexts(app.router.routes):
        rule = access_of(context)
        operations = document.get("paths", {}).get(context.path, {})
        for method in sorted((context.methods or set()) & UNSAFE):
            operation = operations.get(method.lower())
            if operation is not None and rule is not None and rule.kind != "secret":
                operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)


#: RFC 9457, with the members we add.
PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "stays the same when wording changes"},
        "detail": {"type": "string", "description": "what happened and what to do"},
        "request_id": {"type": "string", "description": "name it when you ask for help"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
