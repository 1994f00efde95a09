from cronjobs.testing.suite.scheduler import *  # noqa: F403 - the suite is written once, for both stacks
