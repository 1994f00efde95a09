from cronjobs.testing.suite.attempts import *  # noqa: F403 - the suite is written once, for both stacks
