from cronjobs.testing.suite.health import *  # noqa: F403 - the suite is written once, for both stacks
