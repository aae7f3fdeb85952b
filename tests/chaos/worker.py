"""A worker process of the chaos tests: the publisher alone, until SIGTERM.

Started as ``worker.py JSON`` by conftest.py, which says what is in the JSON.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parents[2] / "packages/passivepost/tests/publishing"))

import double  # noqa: E402
import toxic  # noqa: E402
import world  # noqa: E402

from musekit.api import Stop  # noqa: E402
from musekit.kernel.build import build_host  # noqa: E402
from musekit.kernel.settings import CoreSettings  # noqa: E402
from passivepost.publishing import crash  # noqa: E402
from passivepost.publishing.service import PublisherService  # noqa: E402


def main() -> None:
    given = json.loads(sys.argv[1])
    if given["freeze"]:  # at its crash point it is stopped instead of killed
        crash.signal = SimpleNamespace(SIGKILL=signal.SIGSTOP)  # type: ignore[assignment]
    host = build_host(CoreSettings(**given["core"]), plugins=["musekit", "passivepost"])
    kinds = vars(double) | vars(toxic)
    platform = kinds[given["platform"]](given["port"], **given["declared"])
    world.install(host, platform, **given["settings"])
    stop = Stop()
    signal.signal(signal.SIGTERM, lambda *_: stop.request(15))
    print("ready", flush=True)
    PublisherService.run(host, stop)
    host.close()


main()
