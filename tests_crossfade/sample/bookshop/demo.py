"""Something to look at."""

from sqlalchemy import func, select

from bookshop.models import Book


def fill(session, *, base_url):
    """One book, which knows where it is sold; returns a password, as an application with users would."""
    if session.scalar(select(func.count()).select_from(Book)):
        return None
    session.add(Book(title=f"sold at {base_url}"))
    return "open-sesame"
