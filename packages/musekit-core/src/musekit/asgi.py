"""The application, for servers and hosts that import one: ``musekit.asgi:app``.

Settings come from the environment. `musekit serve` needs this not.
"""

from musekit.kernel.serving import make_app

app = make_app()
