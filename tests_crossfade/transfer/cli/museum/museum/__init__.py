"""A museum's catalogue: tables of every odd shape, which know nothing of cron jobs."""
