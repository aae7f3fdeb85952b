"""The same as the pages of one's data, as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from musekit.auth import deletion, export
from musekit.auth.resolve import COOKIE
from musekit.kernel.actors import Actor
from musekit.kernel.web.access import HostDep, signed_in
from musekit.kernel.web.cookies import drop_cookie
from musekit.kernel.web.schemas import Input

router = APIRouter(prefix="/api/auth", tags=["Sign-in"])

Recently = Annotated[Actor, signed_in(recent=True)]
Exporting = Annotated[Actor, signed_in(recent=True, limit=export.EXPORTS)]


class Farewell(Input):
    """The address of the account, to show that it is meant."""

    email: str = Field(max_length=320)


@router.get("/export", response_model=dict[str, dict[str, Any]])
def download(request: Request, host: HostDep, actor: Exporting) -> Response:
    """Give all that is kept of oneself, by plugin; no passwords, tokens or other secrets."""
    return export.file_of(request, host, actor)


@router.delete("/me", status_code=202)
def delete_me(
    request: Request, response: Response, host: HostDep, actor: Recently, body: Farewell
) -> None:
    """Close one's account at once, and have it deleted within minutes."""
    deletion.ask(request, host, actor, body.email)
    drop_cookie(response, host.settings, COOKIE)
