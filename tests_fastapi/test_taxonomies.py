from cronjobs.testing.suite.taxonomies import *  # noqa: F403 - the suite is written once, for both stacks
