"""What goes through a lane: batches of rows, in an order that a reading can go on in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

Position = tuple[str, ...]
"""Where a batch ends, in texts. Only the lane that made it can read it."""

MOST_BYTES = 16 * 1024 * 1024
"""A batch ends with the row that passes this, so that memory stays the same however long the rows are."""


@dataclass(frozen=True)
class Batch:
    """Some rows of a table, in memory."""

    rows: int
    last: Position | None
    """What the next batch comes `after`; None for a table without a key."""
    payload: Any
    """The lane's own."""


class Lane(Protocol):
    """How the rows of one table get from the source to the target."""

    def read(self, connection: Any, *, after: Position | None, size: int) -> Iterator[Batch]:
        """The rows after a position, in batches of at most `size` rows.

        SQLite as a target gets them in the order of the key, because its index of the key then grows at its end alone.
        PostgreSQL gets them as they lie in the source, which is read so several times as fast; rows that have been
        moved since are missed by a later reading, or come twice.
        A table without a key comes in an order of its own, and can't be read from a position (ValueError).
        `connection` is one of a picture. It is busy until the iterator is through or closed.
        """

    def write(self, connection: Any, batch: Batch, into: str) -> None:
        """Appends a batch to a table of the target, named as SQL has it, in the caller's transaction.

        Raises the driver's errors.
        """
