"""``up``, ``serve`` and ``worker``: the processes of a deployment."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Annotated

import typer

from musekit.cli.output import fail, say

Port = Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)]
Address = Annotated[str, typer.Option("--host", help="Address to listen on.")]
DataDir = Annotated[str, typer.Option(help="Folder of everything kept in files.")]


def use_data_dir(folder: str) -> None:
    """Make a folder the data directory of this process and its children."""
    if folder:
        os.environ["MUSEKIT_DATA_DIR"] = folder


def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Add a sample account with data, and a sandbox network.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON with address and sign-in.")
    ] = False,
    port: Port = 8000,
    host: Address = "127.0.0.1",
    data_dir: DataDir = "",
) -> None:
    """Run everything in one process: migrations, web, jobs, publisher. Needs no service."""
    from musekit.cli.upping import run

    use_data_dir(data_dir or ("" if os.environ.get("MUSEKIT_DATA_DIR") or not demo else "var/demo"))
    run(demo=demo, as_json=json, address=host, port=port)


def serve(
    port: Port = 8000,
    host: Address = "127.0.0.1",
    workers: Annotated[int, typer.Option(help="Web processes.", min=1)] = 1,
    data_dir: DataDir = "",
) -> None:
    """Run the web application. Workers run apart: `musekit worker`, or the cron endpoints."""
    import uvicorn

    use_data_dir(data_dir)
    from musekit.kernel import disk
    from musekit.kernel.serving import options, prepare

    settings = prepare()
    disk.check(settings, works=settings.embedded_worker)
    if workers > 1:
        from musekit.cli.trying import may_start

        may_start()
    with _counting_together(workers > 1 and settings.metrics_secret is not None):
        uvicorn.run(
            "musekit.kernel.serving:make_app", factory=True, host=host, port=port, workers=workers,
            **options(settings),
        )  # fmt: skip


@contextlib.contextmanager
def _counting_together(needed: bool) -> Iterator[None]:
    """Give the web processes a folder in which they count for /metrics, whichever is asked."""
    if not needed or "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="musekit-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


def worker(data_dir: DataDir = "") -> None:
    """Run jobs and services, such as the publisher. Stops cleanly on SIGTERM and SIGINT."""
    import signal

    use_data_dir(data_dir)
    from musekit.kernel import disk
    from musekit.kernel.lean import building
    from musekit.kernel.queue.services import Stop
    from musekit.kernel.queue.worker import run_worker
    from musekit.kernel.serving import prepare

    settings = prepare()
    disk.check(settings, works=True)
    with building():
        from musekit.kernel.build import build_host

        host = build_host(settings)
    stop = Stop()

    def end(number: int, frame: object) -> None:
        if stop.requested.is_set():
            sys.exit(128 + number)  # asked twice: at once; leases and the sweep cover the rest
        stop.request(host.settings.worker_drain_seconds)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if not host.registry.jobs and not host.registry.services:
        host.close()
        fail("No active plugin has jobs or services; there is nothing for a worker to do.")
    say("Worker started. SIGTERM or Ctrl-C stops it when what it holds is finished.")
    try:
        run_worker(host, stop)
    finally:
        host.close()
