"""``python -m musekit.cli``: the same as the command ``musekit``."""

from musekit.cli import main

main()
