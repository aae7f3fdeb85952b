"""``/metrics``, in the text format of Prometheus, for who has the secret."""

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from musekit.kernel.actors import Actor
from musekit.kernel.web.access import HostDep, secret_only

router = APIRouter()
Scraper = Annotated[Actor, secret_only("metrics")]
#: Of the text format, version 0.0.4.
KIND = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/metrics", include_in_schema=False)
def metrics(actor: Scraper, host: HostDep) -> Response:
    """Return what is counted and read."""
    text = host.metrics.exposition(host.database)
    return Response(text, media_type=KIND, headers={"Cache-Control": "no-store"})
