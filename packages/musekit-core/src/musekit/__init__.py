"""MuseKit: a SaaS framework in which every product is an installable plugin.

Plugins import `hookimpl` from here and everything else from `musekit.api`.
"""

import pluggy

__version__ = "0.1.0"

#: Marks a function as implementing one of the hooks of `musekit.hookspecs` (or of a product).
hookimpl = pluggy.HookimplMarker("musekit")
#: Marks a function as declaring a hook. Products that add hooks use it too.
hookspec = pluggy.HookspecMarker("musekit")

__all__ = ["__version__", "hookimpl", "hookspec"]
