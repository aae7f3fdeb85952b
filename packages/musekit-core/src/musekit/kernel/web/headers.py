"""The one middleware of the web shell: security headers, and what a response owes the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from musekit.kernel.ratelimit import headers as limits
from musekit.kernel.settings import CoreSettings
from musekit.kernel.web import flash
from musekit.kernel.web.cookies import is_secure
from musekit.kernel.web.problems import on_unexpected

if TYPE_CHECKING:
    from musekit.kernel.host import Host


def content_security_policy(settings: CoreSettings) -> str:
    """Return the policy: everything from ourselves, nothing inline, nothing evaluated.

    ``form-action`` also names https: browsers apply it to where a posted form is redirected, and
    connecting an account is a form that ends at the network's own sign-in page.
    """
    targets = ["'self'", "https:"]
    if urlsplit(settings.public_url).hostname in ("127.0.0.1", "localhost", "::1"):
        # A deployment on this machine may connect to sandboxes and test servers beside it.
        targets += ["http://127.0.0.1:*", "http://localhost:*"]
    return "; ".join(
        (
            "default-src 'none'", "script-src 'self'", "style-src 'self'",
            "img-src 'self' data: blob:", "media-src 'self' blob:", "font-src 'self'",
            "connect-src 'self'", "manifest-src 'self'", f"form-action {' '.join(targets)}",
            "frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'",
        )
    )  # fmt: skip


class ShellMiddleware:
    """ASGI middleware: adds the headers a response does not set itself, stores flash messages,
    and turns a redirect that answers htmx into one the whole page follows.
    """

    def __init__(self, app: ASGIApp, *, host: Host) -> None:
        self.app = app
        self.host = host
        settings = host.settings
        self.headers = [
            ("content-security-policy", content_security_policy(settings)),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
            ("cache-control", "private, no-cache"),
        ]
        if is_secure(settings):
            self.headers.append(
                ("strict-transport-security", "max-age=31536000; includeSubDomains")
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; complete the head of its response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})
        started = False

        async def complete(message: Message) -> None:
            nonlocal started
            started = True
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *limits.headers_of(scope)]
                headers = MutableHeaders(scope=message)
                for name, value in self.headers:
                    headers.setdefault(name, value)
                if "musekit_flash" in scope["state"]:
                    flash.settle(Request(scope), headers, self.host)
                if message["status"] == 303 and _by_htmx(scope):
                    # fetch() would follow by itself and swap a whole page into a fragment's place
                    message["status"] = 200
                    headers["hx-redirect"] = headers["location"]
                    del headers["location"]
            await send(message)

        try:
            await self.app(scope, receive, complete)
        except Exception as error:
            # Answered here, for the framework's last resort lies outside of this layer and would
            # send the page without these headers. It still sees, logs and passes on the error.
            if not started:
                await on_unexpected(Request(scope), error)(scope, receive, complete)
            raise


def _by_htmx(scope: Scope) -> bool:
    return any(name == b"hx-request" for name, _ in scope["headers"])
