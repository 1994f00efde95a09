"""A page of a list: which part was asked for, how it is found, and what came out.

How a query string says which part it is left to the web.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Integer, Select, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session

T = TypeVar("T")
S = TypeVar("S", bound=Select[*tuple[Any, ...]])


@dataclass(frozen=True)
class Page:
    """The `number`-th page, from 1, of `size` rows each."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many rows come before."""
        return (self.number - 1) * self.size


@dataclass(frozen=True)
class Slice(Generic[T]):
    """The rows of one page, and how many there are on all of them."""

    rows: list[T]
    total: int
    page: Page

    @property
    def total_pages(self) -> int:
        """How many pages hold them all; none when there is nothing."""
        return -(-self.total // self.page.size)


@dataclass(frozen=True)
class Timeline:
    """The rows of a table by the time that a column says, and those of the same instant by their ids.

    A page is found by its ids. An index of the conditions' columns, `at` and `id` is all that is read of the other
    pages' rows, and it is walked from the end that is nearer: a page in the middle costs most, the last one as little
    as the first.
    """

    at: InstrumentedAttribute[datetime]
    id: InstrumentedAttribute[str]

    def newest_first(self, statement: S) -> S:
        """The statement, in the order of a list."""
        return statement.order_by(self.at.desc(), self.id.desc())

    def count(self, session: Session, conditions: Sequence[ColumnElement[bool]]) -> int:
        """How many rows meet the conditions."""
        return session.scalar(select(func.count()).select_from(self.id.class_).where(*conditions)) or 0

    def are_on(self, page: Page, conditions: Sequence[ColumnElement[bool]], *, total: int) -> ColumnElement[bool]:
        """That a row is on that page of the `total` rows that meet the conditions, newest first."""
        older = max(total - page.offset, 0)
        size = min(page.size, older)
        ids = select(self.id).where(*conditions)
        if page.offset <= older - size:
            ids = self.newest_first(ids).offset(page.offset)
        else:
            ids = ids.order_by(self.at, self.id).offset(older - size)
        # The size is written into the statement: PostgreSQL, planning for whichever size, would plan for a tenth of
        # all rows, and read the table from end to end.
        limited = ids.limit(literal(size, Integer, literal_execute=True))
        return self.id.in_(limited.correlate(None))
