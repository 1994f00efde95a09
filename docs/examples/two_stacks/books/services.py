"""What the application does: the one body for both frameworks. Plain functions of a session; they never commit."""

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from books.models import Book


class NewBook(BaseModel):
    """What a request brings."""

    title: str = Field(min_length=1, max_length=100)


class DuplicateError(Exception):
    """There is such a book already."""


def titles(session: Session) -> list[str]:
    """All of them, the oldest first."""
    return list(session.scalars(select(Book.title).order_by(Book.id)))


def add(session: Session, new: NewBook) -> int:
    """One more; returns its id. Raises DuplicateError, after it has begun to write."""
    book = Book(title=new.title)
    taken = session.scalar(select(Book.id).where(Book.title == new.title))
    if taken is not None:
        raise DuplicateError(f"{new.title} is there already, as number {taken}")
    session.add(book)
    session.flush()
    return book.id
