"""The double's HTTP side, and how a test drives it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from tests.support.asgi import serve
from tests.support.stripe_double import acting
from tests.support.stripe_double.errors import ApiError
from tests.support.stripe_double.events import signature
from tests.support.stripe_double.forms import decoded
from tests.support.stripe_double.shapes import API_VERSION, Object
from tests.support.stripe_double.state import Asked, State, public

KEY = "sk_test_double"
HOOK = "whsec_" + "double" * 6


class StripeDouble(State):
    """Stripe, on loopback. `faults` are taken by the next requests that change something:

    ``500`` and ``500 after``: an error before or after the effect (the second is kept under the
    Idempotency-Key, as Stripe does); ``lost``: the effect, and no answer; ``409``, ``429``,
    ``card_declined``: refusals without effect.
    """

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator[StripeDouble]:
        """Serve a double; its address is `url`."""
        double = cls()
        app = Starlette(routes=[
            Route("/v1/{path:path}", double._answer, methods=["GET", "POST", "DELETE"]),
            Route("/c/pay/{key}", double._pay, methods=["GET", "POST"]),
            Route("/p/session/{key}", double._portal),
        ])  # fmt: skip
        with serve(app) as url:
            double.url = url
            yield double

    def offer(self, product: str, tier: str, amount: int, **values: Any) -> Object:
        """Put a price on sale for a tier of a product of ours."""
        sold = self.new("products", name=f"{product} {tier}", metadata={"muse_product": product})
        metadata = {"muse_product": product, "muse_tier": tier}
        return self.new(
            "prices", product=sold["id"], unit_amount=amount, metadata=metadata, **values
        )

    def delivery(
        self, event: Object, *, secret: str = HOOK, at: float | None = None
    ) -> tuple[bytes, dict[str, str]]:
        """Return body and headers of an event's delivery, signed."""
        body = json.dumps(event).encode()
        signed = signature(body, secret, at=at)
        return body, {"Content-Type": "application/json", "Stripe-Signature": signed}

    def deliver(self, event: Object, url: str, **how: Any) -> httpx.Response:
        """Send an event to a webhook endpoint."""
        body, headers = self.delivery(event, **how)
        return httpx.post(url, content=body, headers=headers, timeout=30)

    # --- Its pages, for browsers ---

    async def _pay(self, request: Request) -> Response:
        """The page on which somebody pays, with a button for it."""
        page = self.objects["sessions"][request.path_params["key"]]
        if request.method == "POST":
            self.complete(page["id"])
            return RedirectResponse(page["success_url"], 303)
        return HTMLResponse(
            f"<h1>Pay for {page['_asked']['line_items'][0]['price']}</h1>"
            f"<form method=post><button>Pay</button></form><a href='{page['cancel_url']}'>Back</a>"
        )

    async def _portal(self, request: Request) -> Response:
        return HTMLResponse("<h1>Cards and invoices</h1>")

    # --- The HTTP side ---

    async def _answer(self, request: Request) -> Response:
        path, method = request.path_params["path"], request.method
        text = (await request.body()).decode() if method == "POST" else request.url.query
        values, key = decoded(text), request.headers.get("idempotency-key", "")
        fault = self.faults.popleft() if method != "GET" and self.faults else ""
        status, body, replayed = self._carried_out(request, path, values, key, fault)
        self.ledger.append(Asked(method, path, values, key, status, replayed))
        if fault == "lost":
            await asyncio.sleep(60)
        headers = {"Request-Id": f"req_{uuid4().hex[:14]}", "Stripe-Version": API_VERSION}
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        return JSONResponse(body, status, headers=headers)

    def _carried_out(
        self, request: Request, path: str, values: dict[str, Any], key: str, fault: str
    ) -> tuple[int, Any, bool]:
        with self.lock:
            try:
                if request.headers.get("authorization") != f"Bearer {KEY}":
                    raise ApiError(401, "invalid_request_error", "Invalid API Key provided")
                if self.away:
                    raise ApiError(503, "api_error", "Stripe is away")
                if fault in _FAULTS:
                    raise ApiError(*_FAULTS[fault])
                print_of = json.dumps([request.method, path, values], sort_keys=True)
                if key in self.answers:
                    known, status, body = self.answers[key]
                    if known != print_of:
                        raise ApiError(
                            400, "idempotency_error",
                            "Keys for idempotent requests take the same parameters only",
                        )  # fmt: skip
                    return status, body, True
                body = self._route(request.method, path.split("/"), values)
                body = json.loads(json.dumps(body))  # as it is now
                status = 200
                if fault == "500 after":
                    body, status = ApiError(500, "api_error", "An error occurred").body, 500
                if key:
                    self.answers[key] = (print_of, status, body)
                return status, body, False
            except ApiError as error:
                return error.status, error.body, False

    def _route(self, method: str, path: list[str], values: dict[str, Any]) -> Any:
        kind = "sessions" if path[:2] == ["checkout", "sessions"] else path[0]
        key = path[2 if kind == "sessions" else 1 :]
        if path == ["billing_portal", "sessions"] and method == "POST":
            self._one("customers", values["customer"])
            return {
                "id": f"bps_{uuid4().hex[:14]}", "object": "billing_portal.session",
                "customer": values["customer"], "url": f"{self.url}/p/session/{uuid4().hex}",
            }  # fmt: skip
        if path == ["invoices", "create_preview"]:
            return acting.previewed(self, values)
        if kind not in self.objects:
            raise ApiError(404, "invalid_request_error", f"Unrecognized request URL: {path}")
        wanted = {n: v for n, v in values.items() if n not in acting.ABOUT_THE_CALL}
        if not key:
            made = acting.SPECIAL.get((kind, "new"), type(self)._made)
            if method == "POST":
                return self._shown(made(self, kind, wanted), values)
            return self._page(kind, values)
        found = self._one(kind, key[0])
        if method == "GET":
            return self._shown(found, values)
        act = acting.SPECIAL.get((kind, *key[1:]) if method == "POST" else (kind, method))
        if act is not None:
            return self._shown(act(self, kind, wanted, found), values)
        if method == "DELETE" or key[1:]:
            raise ApiError(404, "invalid_request_error", f"Unrecognized request URL: {path}")
        return self._shown(self.change(kind, key[0], **wanted), values)

    def _shown(self, found: Object, values: dict[str, Any], place: str = "schedule") -> Object:
        """Return an object as it is answered, with its schedule if that was asked for."""
        shown = public(found)
        if place in values.get("expand", ()) and shown.get("schedule"):
            plan = self.objects["subscription_schedules"][shown["schedule"]]
            shown = shown | {"schedule": public(plan)}
        return shown

    def _made(self, kind: str, values: dict[str, Any]) -> Object:
        if kind == "sessions":
            self._one("customers", values.get("customer", ""))
            for item in values["line_items"]:
                self._one("prices", item["price"])
        return self.new(kind, **values)

    def _one(self, kind: str, key: str) -> Object:
        found = self.objects[kind].get(key)
        if found is None:
            raise ApiError(
                404, "invalid_request_error", f"No such {kind[:-1]}: '{key}'", "resource_missing"
            )
        return found

    def _page(self, kind: str, values: dict[str, Any]) -> Object:
        """A list, newest first, with Stripe's paging."""
        found = [
            self._shown(each, values, "data.schedule")
            for each in reversed(self.objects[kind].values())
        ]
        if "customer" in values:
            found = [each for each in found if each["customer"] == values["customer"]]
        if "active" in values:
            found = [each for each in found if each["active"] == values["active"]]
        if kind == "subscriptions" and values.get("status") != "all":
            found = [each for each in found if each["status"] != "canceled"]
        after = values.get("starting_after")
        if after:
            found = found[[each["id"] for each in found].index(after) + 1 :]
        most = int(values.get("limit", 10))
        return {
            "object": "list", "data": found[:most], "has_more": len(found) > most,
            "url": f"/v1/{kind}",
        }  # fmt: skip


_FAULTS = {
    "500": (500, "api_error", "An error occurred"),
    "409": (409, "invalid_request_error", "Another request is in progress", "lock_timeout"),
    "429": (429, "invalid_request_error", "Too many requests", "rate_limit"),
    "card_declined": (402, "card_error", "Your card was declined.", "card_declined"),
}
