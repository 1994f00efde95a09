"""What all tests begin with, unless Django says otherwise."""

import pytest

from contexts.models import User


@pytest.fixture(scope="session")
def crossfade_seed():
    """Every test begins with one user."""
    return lambda session: session.add(User(username="ada", password="!"))
