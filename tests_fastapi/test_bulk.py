from cronjobs.testing.suite.bulk import *  # noqa: F403 - the suite is written once, for both stacks
