"""The example is written by `musekit new platform example`; its tests run here as they stand."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "passivepost-platform-example" / "src"))
