from cronjobs.testing.suite.schema import *  # noqa: F403 - the suite is written once, for both stacks
