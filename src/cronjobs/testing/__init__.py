"""What both stacks must show, written once: a client, people, databases, and the suite that each stack's tests run."""

import pytest

# Before any module of the suite is imported: its assertions explain themselves, as those of test files do.
pytest.register_assert_rewrite("cronjobs.testing.suite")
