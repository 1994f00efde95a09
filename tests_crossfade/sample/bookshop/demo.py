"""Something to look at."""

from bookshop.models import Book


def fill(session, *, base_url):
    """One book, which knows where it is sold; returns a password, as an application with users would."""
    session.add(Book(title=f"sold at {base_url}"))
    return "open-sesame"
