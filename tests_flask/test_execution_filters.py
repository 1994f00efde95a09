from cronjobs.testing.suite.execution_filters import *  # noqa: F403 - the suite is written once, for both stacks
