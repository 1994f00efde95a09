from cronjobs.testing.suite.tokens import *  # noqa: F403 - the suite is written once, for both stacks
