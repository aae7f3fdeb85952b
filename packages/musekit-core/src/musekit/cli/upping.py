"""``musekit up``: one process that migrates, serves, works and publishes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

from musekit.cli.output import fail, say
from musekit.kernel import disk
from musekit.kernel.lean import building, slim

if TYPE_CHECKING:
    from musekit.kernel.host import Host
    from musekit.kernel.settings import CoreSettings


def run(*, demo: bool, as_json: bool, address: str, port: int) -> None:
    """Run until interrupted.

    Args:
        demo: mode ``demo``: plugins add sample data once the server answers.
        as_json: the first line on standard output is one JSON object; all else goes elsewhere.
        address: to listen on.
        port: to listen on; 0 takes a free one.
    """
    with closing(_listen(address, port)) as listener:
        port = listener.getsockname()[1]
        shown = f"[{address}]" if ":" in address else address
        url = f"http://{'127.0.0.1' if address in ('0.0.0.0', '::') else shown}:{port}"  # noqa: S104
        settings = _settings(demo, address, url)
        disk.check(settings, works=settings.embedded_worker)
        slim(settings)
        _migrate(settings)
        _serve(settings, listener, url, demo=demo, as_json=as_json)


def _listen(address: str, port: int) -> socket.socket:
    """Take the port before anything slow, so that a port in use is said at once."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        fail(f"Cannot listen on {address} port {port}: {error.strerror}. Choose another by --port.")
    return listener


def _settings(demo: bool, address: str, url: str) -> CoreSettings:
    """Settle what one process on one machine needs, where the environment says nothing."""
    local = address in ("127.0.0.1", "localhost", "::1")
    if demo:
        os.environ["MUSEKIT_MODE"] = "demo"
    elif local and "MUSEKIT_MODE" not in os.environ:
        os.environ["MUSEKIT_MODE"] = "development"
        say("Mode: development, for nobody but this machine can reach it (MUSEKIT_MODE).")
    if local or demo:
        os.environ.setdefault("MUSEKIT_PUBLIC_URL", url)
    os.environ.setdefault("MUSEKIT_EMBEDDED_WORKER", "true")
    os.environ.setdefault("MUSEKIT_LOG_FORMAT", "console" if sys.stderr.isatty() else "json")
    if demo:
        os.environ.setdefault("MUSEKIT_LOG_LEVEL", "WARNING")
    from musekit.kernel.serving import prepare

    return prepare()


def _migrate(settings: CoreSettings) -> None:
    """Migrate in a child process: Alembic costs 20 MB that the server would never give back."""
    from musekit.kernel.migrations.state import pending

    waiting = pending(settings)
    if not waiting:
        return
    say(f"Migrating the database for {', '.join(waiting)} …")
    # By --json, for what it says to a person is to restart, and here all is started afterwards.
    done = subprocess.run(
        [sys.executable, "-m", "musekit.cli", "migrate", "--json"], stdout=subprocess.PIPE,
        check=False,
    )  # fmt: skip
    if not done.returncode:
        say(f"{len(json.loads(done.stdout))} migrations applied.")
    elif pending(settings).get("musekit"):
        fail("The database could not be migrated; see above. Nothing was started.")


def _serve(
    settings: CoreSettings, listener: socket.socket, url: str, *, demo: bool, as_json: bool
) -> None:
    import threading

    import uvicorn

    from musekit.kernel.serving import options

    with building():
        from musekit.kernel.app import create_app
        from musekit.kernel.build import build_host

        host = build_host(settings)

    def announce() -> None:
        said: dict[str, Any] = {}
        if demo:
            said = host.registry.hooks.on_demo(host=host, base_url=url)
        link = "" if demo or as_json else _set_up_link(host)
        _announce(url, said, demo=demo, as_json=as_json, set_up=link)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                threading.Thread(target=announce, name="musekit-announce", daemon=True).start()

    # uvicorn raises the signal again when it is done; then the host is still to be closed.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        with building():
            app = create_app(host)
        config = uvicorn.Config(app, **options(settings))
        Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        host.close()


def _set_up_link(host: Host) -> str:
    """Return where the first operator is made; empty if there is one."""
    from musekit.auth import set_up
    from musekit.errors import ConflictError

    try:
        return set_up.offer(host)
    except ConflictError:
        return ""


def _announce(
    url: str, said: dict[str, Any], *, demo: bool, as_json: bool, set_up: str = ""
) -> None:
    if as_json:
        names = ("email", "password", "api_token")
        line = {"url": url, **{name: said.get(name) for name in names}, **said}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        return
    lines = ["", f"  MuseKit is running at  {url}"]
    if said.get("email"):
        lines += [f"  Sign in as             {said['email']}",
                  f"  Password               {said.get('password', '')}"]  # fmt: skip
    elif demo and not said.get("problems"):
        lines += ["  No installed plugin has sample data: pip install 'passivepost[demo]'"]
    elif not demo:
        lines += [f"  Make an account at     {url}/sign-up"]
        if set_up:
            lines += [f"  Be its operator, once  {set_up}"]
    lines += [f"  {problem}" for problem in said.get("problems", ())]
    sys.stdout.write("\n".join([*lines, "  Stop with Ctrl-C", "", ""]))
    sys.stdout.flush()
