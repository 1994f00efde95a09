from cronjobs.testing.suite.headers import *  # noqa: F403 - the suite is written once, for both stacks
