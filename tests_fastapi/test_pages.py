from cronjobs.testing.suite.pages import *  # noqa: F403 - the suite is written once, for both stacks
