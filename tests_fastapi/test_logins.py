from cronjobs.testing.suite.logins import *  # noqa: F403 - the suite is written once, for both stacks
