from cronjobs.testing.suite.jobs import *  # noqa: F403 - the suite is written once, for both stacks
