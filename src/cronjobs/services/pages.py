"""A page of a list: which part was asked for, and what came out. How a query string says it is left to the web."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


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
