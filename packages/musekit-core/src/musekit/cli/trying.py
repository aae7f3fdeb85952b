"""A child process that builds the host and closes it again: may this deployment start at all?"""

from __future__ import annotations

import subprocess
import sys

from musekit.cli.output import fail


def may_start() -> None:
    """End this process with status 1 if the host refuses to start; the child has said why.

    For what starts several processes: the supervisor would start one that refuses for ever.
    """
    command = [sys.executable, "-m", "musekit.cli.trying"]
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode:
        raise SystemExit(1)


def main() -> None:
    """Build the host from the environment, with the log quiet: the real processes tell."""
    from musekit.errors import ConfigurationError
    from musekit.kernel.build import build_host
    from musekit.kernel.settings import CoreSettings, load_section

    try:
        build_host(load_section(CoreSettings, "musekit")).close()
    except ConfigurationError as error:
        fail(str(error))


if __name__ == "__main__":
    main()
