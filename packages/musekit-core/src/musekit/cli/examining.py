"""The child process of ``musekit doctor``: prints the findings as one line of JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

from musekit.kernel.advice import Fault, Judgement
from musekit.kernel.health import Finding


def main() -> None:
    """Build the host with all its faults, run all checks, print what was found."""
    sys.stdout.write("\n" + json.dumps([asdict(each) for each in examined()]) + "\n")


def examined() -> list[Finding]:
    """Return what is wrong, what could be better, and what is well.

    A host that cannot be built at all is one finding more: what was found until then stands.
    """
    from musekit.cli import doctor_advice
    from musekit.kernel.build import build_host
    from musekit.kernel.health import examine
    from musekit.kernel.serving import prepare

    judgement = Judgement()
    rest: list[Finding] = []
    try:
        host = build_host(prepare(), strict=False, judgement=judgement)
    except Exception as error:  # whatever it is, what was found until then must be told
        said = str(error) or type(error).__name__
        rest.append(Finding(name="start", plugin="musekit", status="fail", detail=said))
    else:
        try:
            rest += examine(host)
            rest += _told("warn", doctor_advice.all_of(host))
        finally:
            host.close()
    return [*_told("fail", judgement.refused), *_told("warn", judgement.warned), *rest]


def _told(status: Literal["warn", "fail"], faults: Sequence[Fault]) -> list[Finding]:
    return [
        Finding(
            name=each.name, plugin="musekit", status=status, detail=each.cause, advice=each.cure
        )
        for each in faults
    ]


if __name__ == "__main__":
    main()
