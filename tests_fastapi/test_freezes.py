from cronjobs.testing.suite.freezes import *  # noqa: F403 - the suite is written once, for both stacks
