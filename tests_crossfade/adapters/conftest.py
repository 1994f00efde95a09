"""A router on both databases, with one table, and a plain SQLAlchemy model of it."""

import uuid
from collections.abc import Generator
from types import SimpleNamespace

import pytest
from sqlalchemy import String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from crossfade.database import files
from crossfade.router import Router
from crossfade.settings import Settings


class Base(DeclarativeBase):
    """Plain SQLAlchemy: no framework's."""


class Book(Base):
    __tablename__ = "books"

    title: Mapped[str] = mapped_column(String(50), primary_key=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def router(request, tmp_path) -> Generator[Router]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/books.db"
    else:
        server = request.getfixturevalue("server")
        url = server.database(f"books_{uuid.uuid4().hex[:8]}").render_as_string(hide_password=False)
    made = Router(Settings(root=tmp_path, database_url=url), name="tests")
    if made.route("flask").path is not None:
        files.create(made.route("flask"))
    Base.metadata.create_all(made.engine("flask"))
    yield made
    made.dispose()


@pytest.fixture
def titles(router):
    """The books that were committed."""

    def read():
        with router.session_factory("flask")() as session:
            return sorted(session.scalars(select(Book.title)))

    return read


@pytest.fixture
def models() -> SimpleNamespace:
    return SimpleNamespace(Book=Book)
