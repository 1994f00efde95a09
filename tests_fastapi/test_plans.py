from cronjobs.testing.suite.plans import *  # noqa: F403 - the suite is written once, for both stacks
