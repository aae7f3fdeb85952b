"""The core's own face: its features use the same hooks as anybody's."""

#: Modules with hook implementations, one per feature of the core.
musekit_features = (
    "musekit.auth.plugin",
    "musekit.spaces.plugin",
    "musekit.housekeeping.plugin",
)
