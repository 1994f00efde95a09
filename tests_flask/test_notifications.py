from cronjobs.testing.suite.notifications import *  # noqa: F403 - the suite is written once, for both stacks
