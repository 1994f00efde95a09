from cronjobs.testing.suite.slack import *  # noqa: F403 - the suite is written once, for both stacks
