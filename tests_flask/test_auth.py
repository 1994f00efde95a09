from cronjobs.testing.suite.auth import *  # noqa: F403 - the suite is written once, for both stacks
