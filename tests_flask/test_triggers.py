from cronjobs.testing.suite.triggers import *  # noqa: F403 - the suite is written once, for both stacks
