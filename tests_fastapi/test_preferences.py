from cronjobs.testing.suite.preferences import *  # noqa: F403 - the suite is written once, for both stacks
