"""The child process of ``musekit doctor``: prints the findings as one line of JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict


def main() -> None:
    """Build the host, run all checks, print what was found."""
    from musekit.errors import ConfigurationError
    from musekit.kernel.build import build_host
    from musekit.kernel.health import Finding, examine
    from musekit.kernel.serving import prepare

    try:
        host = build_host(prepare())
    except ConfigurationError as error:
        found = [Finding(name="start", plugin="musekit", status="fail", detail=str(error))]
    else:
        found = examine(host)
        host.close()
    sys.stdout.write("\n" + json.dumps([asdict(each) for each in found]) + "\n")


if __name__ == "__main__":
    main()
