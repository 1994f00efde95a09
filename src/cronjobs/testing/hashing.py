"""Hashes that cost nothing: what they protect is a test's, and a real one takes 0.2 s of processor time."""

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

from argon2 import PasswordHasher

from cronjobs import passwords
from cronjobs.services import accounts

NOBODYS = accounts._NOBODYS_HASH
"""What production verifies a password against when there is no such user."""

_CHEAP = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)


@contextmanager
def cheap() -> Generator[None]:
    """For the length of a block, in this process."""
    nobodys = _CHEAP().hash("nobody's")
    with patch.object(passwords, "PasswordHasher", _CHEAP), patch.object(accounts, "_NOBODYS_HASH", nobodys):
        yield
