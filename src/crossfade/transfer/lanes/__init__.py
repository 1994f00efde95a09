"""How the rows of a table get across: a lane for each direction, which reads batches and writes them.

Which tables, in which order and transactions, is left to the copying.
"""

from crossfade.transfer.ends import End
from crossfade.transfer.lanes.batches import Batch, Lane, Position
from crossfade.transfer.lanes.postgresql_to_postgresql import PostgresToPostgres
from crossfade.transfer.lanes.postgresql_to_sqlite import PostgresToSqlite
from crossfade.transfer.lanes.sqlite_to_postgresql import SqliteToPostgres
from crossfade.transfer.lanes.sqlite_to_sqlite import SqliteToSqlite
from crossfade.transfer.shapes import Shape

__all__ = ["Batch", "Lane", "Position", "lane"]


def lane(source: End, target: End, shape: Shape, *, where: str | None = None) -> Lane:
    """The lane for a table; `where` is SQL of the source, a condition for the rows that are carried."""
    match source.engine, target.engine:
        case "sqlite", "postgresql":
            return SqliteToPostgres(shape, where)
        case "postgresql", "sqlite":
            return PostgresToSqlite(shape, where)
        case "postgresql", "postgresql":
            return PostgresToPostgres(shape, where, target)
        case _:
            return SqliteToSqlite(shape, where)
