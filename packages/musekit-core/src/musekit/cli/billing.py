"""``musekit billing``: how it stands, fetching from Stripe, and events once more."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from musekit.cli.options import Json
from musekit.cli.output import as_json, fail, table

app = typer.Typer(
    help="See how payments stand, fetch from Stripe, settle events once more.",
    no_args_is_help=True, rich_markup_mode=None,
)  # fmt: skip
_COUNT = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many, at most.")]


@app.command()
def status(json: Json = False) -> None:
    """Say what is set up, what waits and what failed. Asks the database only."""
    from musekit.billing import state
    from musekit.kernel.build import open_host

    with open_host() as host:
        found, health = state.of_host(host), state.health(host)
    if json:
        as_json({"health": health.status, "detail": health.detail, **found.as_dict()})
        return
    rows = [
        {"what": name.replace("_", " "), "value": _text(value)}
        for name, value in found.as_dict().items()
    ]
    table(["what", "value"], rows)
    if health.status != "ok":
        sys.stdout.write(f"{health.detail}. {health.advice}\n")


@app.command()
def sync(
    customer: Annotated[
        str, typer.Argument(help="cus_…, our id, or the address; without it all that is due.")
    ] = "",
    everybody: Annotated[bool, typer.Option("--all", help="Every customer, due or not.")] = False,
    json: Json = False,
) -> None:
    """Fetch what is on sale, and subscriptions, from Stripe: now, in this process.

    Ends with status 1 if Stripe could not be asked about somebody; plans hold as they were.
    """
    from musekit.billing import leftovers, replaying, state
    from musekit.billing import sync as fetching
    from musekit.billing.client import speaking_plainly
    from musekit.errors import MuseKitError
    from musekit.kernel.build import open_host

    with open_host() as host:
        try:
            with speaking_plainly():
                prices = fetching.catalogue(host)
            if customer or everybody:
                with host.database.session(fetching.SYSTEM) as session:
                    if customer:
                        replaying.request_one(session, customer)
                    else:
                        replaying.request_all(session)
        except MuseKitError as error:
            fail(error.detail)
        leftovers.settle(host)
        fetched = fetching.drain(host, seconds=3600)
        left = state.of_host(host)
    said = {"prices": prices, "fetched": fetched, "left": left.to_sync, "failing": left.failing}
    if json:
        as_json(said)
    else:
        sys.stdout.write(f"{prices} prices and {fetched} customers are fetched.\n")
    if left.failing:
        fail(f"{left.failing} customers could not be fetched. /admin/billing/customers says why.")


@app.command()
def events(
    kept: Annotated[
        str, typer.Option("--state", help="received, done, ignored, failed, or all.")
    ] = "all",
    limit: _COUNT = 50,
    json: Json = False,
) -> None:
    """List the events that Stripe has told of, the newest first."""
    from musekit.billing import replaying
    from musekit.billing.sync import SYSTEM
    from musekit.kernel.build import open_host

    with open_host() as host, host.database.session(SYSTEM, readonly=True) as session:
        rows = [
            {"id": each.id, "type": each.type, "state": each.state, "deliveries": each.deliveries,
             "customer": each.customer or "", "received_at": each.received_at.isoformat()}
            for each in replaying.latest(session, state=kept, limit=limit)
        ]  # fmt: skip
    if json:
        as_json(rows)
    else:
        table(["id", "type", "state", "deliveries", "customer", "received_at"], rows)


@app.command()
def replay(
    events: Annotated[list[str], typer.Argument(metavar="EVENT…", help="evt_…")],
    json: Json = False,
) -> None:
    """Do once more what events asked for: what they are about is fetched from Stripe.

    Safe at any time: nothing is taken from an event itself. If one of them cannot be replayed none
    is.
    """
    from musekit.billing import leftovers, replaying
    from musekit.billing import sync as fetching
    from musekit.errors import MuseKitError
    from musekit.kernel.build import open_host

    with open_host() as host:
        try:
            with host.database.session(fetching.SYSTEM) as session:
                ids = [each.id for each in replaying.requested(session, events)]
        except MuseKitError as error:
            fail(error.detail)
        leftovers.settle(host)
        fetched = fetching.drain(host, seconds=3600)
        with host.database.session(fetching.SYSTEM, readonly=True) as session:
            rows = [
                {"id": each.id, "type": each.type, "state": each.state}
                for each in replaying.among(session, ids)
            ]
    if json:
        as_json({"events": rows, "fetched": fetched})
    else:
        table(["id", "type", "state"], rows)
    if any(each["state"] == "received" for each in rows):
        fail("Stripe could not be asked about some. They are tried again by the worker.")


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {many}" for name, many in sorted(value.items())) or "none"
    return "–" if value is None else str(value)
