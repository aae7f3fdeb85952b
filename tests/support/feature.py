"""A feature in a process of its own, with a deployment's settings, that does what it is told."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.deployment import Deployment

_FRAME = """
import sys
from musekit.kernel.build import build_host
from musekit.kernel.settings import CoreSettings

host = build_host(CoreSettings())
{code}
print("ready", flush=True)
for line in sys.stdin:
    act(*line.split())
    print("done", flush=True)
host.close()
"""


class Feature:
    """A running feature; `do` returns when what was asked for is committed."""

    def __init__(self, popen: subprocess.Popen[str]) -> None:
        self._popen = popen
        self._hear("ready")

    def do(self, *words: object) -> None:
        """Have ``act`` called with these words, as text."""
        assert self._popen.stdin
        self._popen.stdin.write(" ".join(map(str, words)) + "\n")
        self._popen.stdin.flush()
        self._hear("done")

    def _hear(self, word: str) -> None:
        assert self._popen.stdout
        assert self._popen.stdout.readline() == f"{word}\n"


@contextmanager
def featured(deployment: Deployment, code: str) -> Iterator[Feature]:
    """Run a feature.

    Args:
        code: of a module that has a ``host`` and defines ``act(*words)``.
    """
    with subprocess.Popen(
        [deployment.python, "-c", _FRAME.format(code=code)], env=deployment.settings(),
        cwd=deployment.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as popen:  # fmt: skip
        yield Feature(popen)
