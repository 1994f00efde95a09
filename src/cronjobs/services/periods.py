"""A span of time that a list is narrowed to. How a query string says it is left to the web."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from crossfade import clock


@dataclass(frozen=True)
class Period:
    """From `start`, inclusive, to `end`, exclusive: aware instants; None leaves that side open."""

    start: datetime | None = None
    end: datetime | None = None

    def covers(self, column: InstrumentedAttribute[Any]) -> list[ColumnElement[bool]]:
        """The conditions that a column of naive UTC lies in this period; none when both sides are open."""
        conditions: list[ColumnElement[bool]] = []
        if self.start is not None:
            conditions.append(column >= clock.naive_utc(self.start))
        if self.end is not None:
            conditions.append(column < clock.naive_utc(self.end))
        return conditions
