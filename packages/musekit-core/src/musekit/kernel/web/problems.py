"""Errors become answers: ``application/problem+json`` for the API, a page for people.

No answer repeats input (it may hold a secret) or tells of our inside: an unexpected error gives the
request id, under which the log has the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from musekit.errors import MuseKitError, ReauthenticationNeededError
from musekit.kernel.web.pages import (
    is_page,
    reauthenticate_redirect,
    render,
    sign_in_redirect,
)
from musekit.kernel.web.requests import HEADER, request_id

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
#: Faults of input that are told: a body of very many wrong names would get a far longer answer.
MOST_FAULTS = 100
#: What is said for statuses that Starlette and FastAPI raise themselves.
_SAID: dict[int, tuple[str, str]] = {
    400: ("bad-request", "The request could not be read. Check its body and headers."),
    404: ("not-found", "There is nothing at this address."),
    405: ("method-not-allowed", "This address exists, but does not take this method."),
    413: ("too-large", "The body is too large; nothing of it was kept. Send less at a time."),
    415: ("unsupported-media-type", "Send the body as application/json."),
}


def problem(  # noqa: D103 - the docstring of the module says what it makes
    request: Request,
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    extra: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    body = {
        "type": "about:blank", "title": title, "status": status, "code": code, "detail": detail,
        "request_id": request_id(request.scope), **(extra or {}),
    }  # fmt: skip
    if is_page(request):
        page = _page(request, status, body)
        if page is not None:
            page.headers.update(headers or {})
            return page
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def _page(request: Request, status: int, body: Mapping[str, Any]) -> Response | None:
    """Render the error page; None when that fails too, for then data is better than nothing."""
    try:
        return render(request, "musekit/error.html", status=status, problem=body)
    except Exception:
        logger.exception("The error page could not be rendered")
        return None


def on_business_error(request: Request, error: Exception) -> Response:
    """Answer a `MuseKitError` as it says."""
    assert isinstance(error, MuseKitError)
    headers = dict(error.headers)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers.setdefault("WWW-Authenticate", "Bearer")
        if is_page(request) and request.method == "GET":
            return sign_in_redirect(request)
    if isinstance(error, ReauthenticationNeededError) and is_page(request):
        return reauthenticate_redirect(request)
    return problem(
        request, error.status, error.code, error.title, error.detail,
        extra=error.extra, headers=headers,
    )  # fmt: skip


def on_invalid_request(request: Request, error: Exception) -> Response:
    """Answer input that does not fit the schema, naming fields but never repeating values."""
    assert isinstance(error, RequestValidationError)
    faults = [
        {"field": ".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0]),
         "message": _without_input(fault)}
        for fault in error.errors()[:MOST_FAULTS]
    ]  # fmt: skip
    fields = ", ".join(dict.fromkeys(fault["field"] for fault in faults[:5]))
    return problem(
        request, 422, "invalid", "Some of the input cannot be accepted",
        f"Nothing was changed. Correct {fields} and send it again.", extra={"errors": faults},
    )  # fmt: skip


def _without_input(fault: Mapping[str, Any]) -> str:
    """Return pydantic's message, unless it is one of ours that may quote the value."""
    message = str(fault.get("msg", "is not acceptable"))
    value = fault.get("input")
    if isinstance(value, str) and len(value) >= 4 and value in message:
        return "is not acceptable"
    return message.removeprefix("Value error, ")[:300]


def on_http_error(request: Request, error: Exception) -> Response:
    """Answer what Starlette or FastAPI raised: no such path, method, or a body too large."""
    assert isinstance(error, HTTPException)
    status = error.status_code
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Error"
    default = (phrase.lower().replace(" ", "-"), "This cannot be done.")
    code, detail = _SAID.get(status, default)
    return problem(request, status, code, phrase, detail, headers=error.headers)


def on_unexpected(request: Request, error: Exception) -> Response:
    """Answer a fault of ours: a request id, and nothing else. The log has the trace."""
    return problem(
        request, 500, "internal-error", "Something went wrong on our side",
        "It was recorded and nothing was half done. Try again; if it stays, name the request id.",
        headers={HEADER: request_id(request.scope)},
    )  # fmt: skip


def install(app: FastAPI) -> None:
    """Have the application answer errors in these ways."""
    app.add_exception_handler(MuseKitError, on_business_error)
    app.add_exception_handler(RequestValidationError, on_invalid_request)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(Exception, on_unexpected)
