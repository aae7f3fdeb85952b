"""Making a thing: counted in the unit of work that would make it."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel

from musekit.api import Actor, HostDep, signed_in, tiers, usage
from musekit_plugin_proof.plugin import LIMIT, PRODUCT

router = APIRouter(prefix="/api/proof", tags=["Proof"])


class Thing(BaseModel):
    """What was made."""

    made: bool = True


@router.post("/things", status_code=201)
def make_thing(host: HostDep, actor: Annotated[Actor, signed_in()]) -> Thing:
    """Make a thing, if the plan allows another one today."""
    assert actor.space_id is not None
    allowed = tiers.allowance(host, PRODUCT, actor.space_id)
    day, _ = usage.periods(actor.timezone, datetime.now(UTC))
    with host.database.session(actor) as session:
        take = usage.Take(metric="things", limit=LIMIT, period=day)
        usage.take(session, actor.space_id, PRODUCT, [take], allowed)
    return Thing()
