"""Pages: what an endpoint needs to answer with HTML, in the shell that all pages share."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from musekit.kernel.web import csrf, flash
from musekit.kernel.web.navigation import navigation_of
from musekit.kernel.web.static import Assets
from musekit.kernel.web.viewer import viewer_of

if TYPE_CHECKING:
    from musekit.kernel.actors import Actor
    from musekit.kernel.host import Host

#: Shorter pages are not worth compressing.
LEAST_COMPRESSED = 1000


@dataclass
class Shell:
    """What rendering needs for the life of the process; shared by ``host.get(Shell)``."""

    env: jinja2.Environment
    assets: Assets


class CsrfField(str):
    """The hidden form field with the token; ``{{ csrf_field }}`` in every posted form."""

    __slots__ = ()

    def __html__(self) -> Markup:
        """Return the field, or nothing where nobody is signed in."""
        if not self:
            return Markup("")
        return Markup('<input type="hidden" name="{}" value="{}">').format(csrf.FIELD, str(self))

    def __call__(self) -> Markup:
        """Return the same: ``{{ csrf_field() }}``."""
        return self.__html__()


def is_page(request: Request) -> bool:
    """True where the answer, also an error's, should be a page: not below ``/api/``.

    A matter of looks only; nothing is authorised by it.
    """
    path: str = request.scope["path"]
    accept = request.headers.get("accept", "*/*")
    if path.startswith(("/api/", "/-/")) or path in ("/healthz", "/readyz", "/metrics"):
        return False
    return "text/html" in accept or "json" not in accept


def render(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """Render a template as the answer to a request.

    Beside `context` a template knows ``actor``, ``viewer`` (None for visitors), ``zone``,
    ``csrf_field`` and what the shell shows. Call it from a plain ``def`` endpoint.
    """
    host: Host = request.app.state.host
    shell: Shell = host.get(Shell)
    body = shell.env.get_template(template).render(_context(request, host, shell) | context)
    content = body.encode()
    headers = {"vary": "accept-encoding, hx-request, cookie"}
    if getattr(request.state, "musekit_actor", None) is not None:
        headers["cache-control"] = "no-store"  # not for who uses this browser next
    if len(content) > LEAST_COMPRESSED and "gzip" in request.headers.get("accept-encoding", ""):
        # Level 5: the last two levels cost more time than a page's few kilobytes are worth. The
        # CSRF token is masked, so compression cannot leak it.
        content = gzip.compress(content, 5, mtime=0)
        headers["content-encoding"] = "gzip"
    return HTMLResponse(content, status_code=status, headers=headers)


def redirect(url: str) -> Response:
    """Answer a form: 303 to `url`, and for htmx a redirect of the whole page."""
    return RedirectResponse(url, status_code=303)


def sign_in_redirect(request: Request) -> Response:
    """Send a visitor to sign in and then back to the page that was asked for."""
    if request.method not in ("GET", "HEAD"):
        return redirect("/sign-in")  # a form cannot be sent again by a link
    return redirect(f"/sign-in?{urlencode({'next': _here(request)})}")


def reauthenticate_redirect(request: Request) -> Response:
    """Send somebody to prove again who they are, and then back to the page they were on."""
    if request.method in ("GET", "HEAD"):
        return redirect(f"/re-authenticate?{urlencode({'next': _here(request)})}")
    # A form cannot be sent again by a link: back to the page that it stands on.
    page = urlsplit(request.headers.get("referer", ""))
    target = page.path + (f"?{page.query}" if page.query else "")
    return redirect(f"/re-authenticate?{urlencode({'next': safe_next(target, '/account')})}")


def _here(request: Request) -> str:
    query = request.scope["query_string"].decode("latin-1")
    path: str = request.scope["path"]
    return f"{path}?{query}" if query else path


def safe_next(given: str | None, default: str = "/dashboard") -> str:
    """Return where to go after sign-in: `given` if it is a path of this site, else `default`.

    Browsers read ``//host`` and ``/\\host`` as another site, and drop tabs and line breaks first.
    """
    if not given or not given.startswith("/") or given.startswith(("//", "/\\")):
        return default
    if "\\" in given or any(ord(char) <= 32 or ord(char) == 127 for char in given):
        return default
    return given


def _context(request: Request, host: Host, shell: Shell) -> dict[str, Any]:
    actor: Actor | None = getattr(request.state, "musekit_actor", None)
    path = request.scope["path"]
    navigation = navigation_of(actor, host.registry.navigation, path)
    theme = request.cookies.get("musekit_theme", "")
    token = csrf.token_of(request)
    return {
        "request": request,
        "path": path,
        "actor": actor,
        "viewer": viewer_of(request),
        "zone": actor.timezone if actor else "UTC",
        "theme": theme if theme in ("light", "dark") else "system",
        "csrf_field": CsrfField(token),
        "csrf_token": token,
        "flashes": flash.take(request, host),
        "navigation": navigation,
        "nav_folded": request.cookies.get("musekit_nav") == "folded",
        "products": host.registry.products,
        "mode": host.settings.mode,
        "slot": _slots(request, host, shell, actor),
    }


def _slots(
    request: Request, host: Host, shell: Shell, actor: Actor | None
) -> Callable[[str], list[Markup]]:
    """Return what a template calls as ``slot("dashboard.cards")``: the rendered fragments."""

    token = CsrfField(csrf.token_of(request))
    base = {
        "request": request, "actor": actor, "viewer": viewer_of(request), "csrf_field": token,
        "path": request.scope["path"], "zone": actor.timezone if actor else "UTC",
    }  # fmt: skip

    def slot(place: str) -> list[Markup]:
        found = []
        for each in host.registry.slots:
            if each.place != place:
                continue
            extra = each.context(host, actor)
            if extra is None:
                continue
            variables = base | dict(extra)
            # Safe: what a template of ours renders is escaped already.
            found.append(Markup(shell.env.get_template(each.template).render(variables)))  # noqa: S704
        return found

    return slot
