"""What all tests begin with."""

import pytest

from books.models import Book


@pytest.fixture(scope="session")
def crossfade_seed():
    """Every test begins with one book."""
    return lambda session: session.add(Book(title="Emma"))
