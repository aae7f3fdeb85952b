"""The core's own face: its features use the same hooks as anybody's."""

#: Modules with hook implementations, one per feature of the core.
musekit_features = (
    "musekit.auth.plugin",
    "musekit.spaces.plugin",
    "musekit.organizations.plugin",
    "musekit.products.plugin",
    "musekit.billing.plugin",
    "musekit.email.plugin",
    "musekit.ai.plugin",
    "musekit.webhooks.plugin",
    "musekit.audit.plugin",
    "musekit.admin.plugin",
    "musekit.limits.plugin",
    "musekit.cron.plugin",
    "musekit.operations.plugin",
    "musekit.housekeeping.plugin",
)
