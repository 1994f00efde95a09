from cronjobs.testing.suite.metrics import *  # noqa: F403 - the suite is written once, for both stacks
