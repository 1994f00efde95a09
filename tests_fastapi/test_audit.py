from cronjobs.testing.suite.audit import *  # noqa: F403 - the suite is written once, for both stacks
