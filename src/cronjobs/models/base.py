"""What every table shares: the metadata, text ids made in Python, naive UTC instants.

The names, types and lengths of the nine tables of the contract are binding: a database made by the legacy
application is adopted as it is. Columns and tables that came later are additive: nullable or with a server
default, so that the legacy code can go on writing.
"""

import uuid
from datetime import datetime

from sqlalchemy import DateTime, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from crossfade import clock


def new_id() -> str:
    """A fresh UUID4 as text, 36 characters."""
    return str(uuid.uuid4())


class Base(DeclarativeBase):
    """The declarative base of the application; plain SQLAlchemy, no framework's."""

    metadata = MetaData()


metadata = Base.metadata


class Identified:
    """A table whose key is UUID4 text made in Python."""

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)


class Dated:
    """When a row was made and last changed: naive UTC, microseconds."""

    created_at: Mapped[datetime] = mapped_column(DateTime, default=clock.naive_utc)
    updated_at: Mapped[datetime] = mapped_column(DateTime, default=clock.naive_utc, onupdate=clock.naive_utc)


class LooselyDated:
    """As `Dated`, where the legacy tables allow null."""

    created_at: Mapped[datetime | None] = mapped_column(DateTime, default=clock.naive_utc)
    updated_at: Mapped[datetime | None] = mapped_column(DateTime, default=clock.naive_utc, onupdate=clock.naive_utc)
