from cronjobs.testing.suite.users import *  # noqa: F403 - the suite is written once, for both stacks
