from cronjobs.testing.suite.registration import *  # noqa: F403 - the suite is written once, for both stacks
