"""The living page of the design system: every macro in every state. Not served in production."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from musekit.kernel.actors import Actor
from musekit.kernel.web.access import public
from musekit.kernel.web.pages import render

router = APIRouter()


@router.get("/_design")
def design_page(request: Request, actor: Annotated[Actor | None, public()]) -> HTMLResponse:
    """Show every component."""
    now = datetime.now(UTC)
    return render(
        request, "musekit/design.html", now=now, soon=now + timedelta(hours=3),
        before=now - timedelta(days=2),
    )  # fmt: skip
