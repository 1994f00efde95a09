from cronjobs.testing.suite.cron_tools import *  # noqa: F403 - the suite is written once, for both stacks
