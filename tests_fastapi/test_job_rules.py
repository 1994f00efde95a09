from cronjobs.testing.suite.job_rules import *  # noqa: F403 - the suite is written once, for both stacks
