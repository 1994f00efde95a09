from cronjobs.testing.suite.job_policies import *  # noqa: F403 - the suite is written once, for both stacks
