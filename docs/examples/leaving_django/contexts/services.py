"""What the application does, as plain functions of a session."""

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from contexts.models import Context, User


class NewContext(BaseModel):
    """What a request brings."""

    name: str = Field(min_length=1, max_length=100)
    text: str
    author: str


class UnknownUserError(Exception):
    """There is no such active user."""


class DuplicateError(Exception):
    """There is such a context already."""


def every(session: Session) -> list[dict[str, str]]:
    """All contexts by name, with the names of those who wrote them."""
    rows = session.execute(
        select(Context.name, Context.text, User.username).join(Context.author).order_by(Context.name)
    )
    return [{"name": name, "text": text, "author": author} for name, text, author in rows]


def add(session: Session, new: NewContext) -> None:
    """One more. Raises UnknownUserError, DuplicateError."""
    author = session.scalar(select(User).where(User.username == new.author, User.is_active))
    if author is None:
        raise UnknownUserError(f"there is no user {new.author}")
    if session.scalar(select(Context.id).where(Context.name == new.name)) is not None:
        raise DuplicateError(f"{new.name} is there already")
    session.add(Context(name=new.name, text=new.text, author=author))
    session.flush()
