"""The cron endpoint of the core: jobs without a worker."""
