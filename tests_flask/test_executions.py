from cronjobs.testing.suite.executions import *  # noqa: F403 - the suite is written once, for both stacks
