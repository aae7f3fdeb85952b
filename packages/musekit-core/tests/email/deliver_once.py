"""Deliver what is due in a process of its own, which a test kills, or which dies on its way.

The argument names the point: ``claimed`` and ``begun`` are before the mail is sent, ``dot`` when
its end is written and no answer has come, ``sent`` when one has, ``recording`` with the outcome
written and not committed, ``recorded`` after that.
"""

import os
import signal
import smtplib
import sys
from collections.abc import Callable
from typing import Any

from musekit.email import delivery, outbox
from musekit.kernel.build import build_host
from musekit.kernel.settings import CoreSettings

POINTS = ("claimed", "begun", "dot", "sent", "recording", "recorded")


def main(point: str) -> None:
    run: Any = delivery._Run
    for name, owner, function, when in (
        ("claimed", run, "send", "before"),
        ("begun", run, "_try", "before"),
        ("sent", run, "_try", "after"),
        ("recording", outbox, "record", "after"),
        ("recorded", run, "_record", "after"),
        ("dot", smtplib.SMTP, "send", "after dot"),
    ):
        if name == point:
            setattr(owner, function, _dying(getattr(owner, function), when))
    host = build_host(CoreSettings(), plugins=["musekit"])
    delivery.deliver(host, seconds=60)
    host.close()


def _dying(function: Callable[..., Any], when: str) -> Callable[..., Any]:
    def wrapped(*given: Any, **more: Any) -> Any:
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = function(*given, **more)
        if when == "after" or given[-1] == b".\r\n":
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    return wrapped


if __name__ == "__main__":
    main(*sys.argv[1:] or [""])
