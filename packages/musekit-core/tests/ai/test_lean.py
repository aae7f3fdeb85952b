"""What nobody pays for who asks no model."""

from __future__ import annotations

import subprocess
import sys

_SAY = """
import sys
import musekit.api, musekit.ai.routes, musekit.ai.pages, musekit.ai.providers
print([name for name in ("openai", "httpx2", "genai_prices", "jiter") if name in sys.modules])
"""


def test_heavy_libraries_wait_for_the_first_call() -> None:
    told = subprocess.run([sys.executable, "-c", _SAY], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
