"""Takes in a database from before there were revisions: surveyed by reflection, mended by adding, nothing guessed.

The first revision says what such a database looks like. What older ones lack and may be given is the application's to
say, in an `Adoption`; anything else that differs is an obstacle, and then nothing is touched. Transactions, copies and
reports are left to `installation`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, MetaData
from sqlalchemy.orm import Session

from crossfade.revisions.drift import Difference, differences
from crossfade.settings import Settings


def _none(_session: Session, _settings: Settings) -> list[str]:
    return []


@dataclass(frozen=True)
class Adoption:
    """What an application knows about databases that were made before it had revisions."""

    later_tables: frozenset[str] = frozenset()
    """Tables that the oldest databases lack: made, empty."""
    later_columns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Columns that the oldest databases lack, by table: added, null."""
    ignored_tables: frozenset[str] = frozenset()
    """Tables that may be left from something else: never read, no difference."""
    oddities: Callable[[Session, Settings], list[str]] = _none
    """What a person should know about the rows of an adopted database, a sentence each. Only reads."""


@dataclass(frozen=True)
class Survey:
    """How a database differs from the first revision."""

    mendable: tuple[Difference, ...]
    obstacles: tuple[Difference, ...]


def survey(connection: Connection, baseline: MetaData, adoption: Adoption) -> Survey:
    """Compares a database with the tables of the first revision; only reads."""
    found = differences(connection, baseline, ignored=adoption.ignored_tables)
    mendable = tuple(one for one in found if _is_mendable(one, baseline, adoption))
    return Survey(mendable, tuple(one for one in found if one not in mendable))


def mend(connection: Connection, baseline: MetaData, mendable: Iterable[Difference]) -> list[str]:
    """Adds what is missing, in the caller's transaction, and returns what it added, a sentence each."""
    operations = Operations(MigrationContext.configure(connection))
    missing = list(mendable)
    tables = {one.table for one in missing if one.kind == "missing table"}
    indexes = {(one.table, one.name) for one in missing if one.kind == "missing index"}
    added = []
    for table in baseline.sorted_tables:
        if table.name in tables:
            table.create(connection, checkfirst=False)
            added.append(f"the table {table.name}")
        for one in missing:
            if one.table == table.name and one.kind == "missing column":
                column = table.columns[str(one.name)]
                operations.add_column(table.name, Column(column.name, column.type, nullable=True))
                added.append(f"the column {table.name}.{column.name}")
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            if (table.name, index.name) in indexes:
                index.create(connection, checkfirst=False)
                added.append(f"the index {index.name}")
    return added


def _is_mendable(difference: Difference, baseline: MetaData, adoption: Adoption) -> bool:
    match difference.kind:
        case "missing table":
            return difference.table in adoption.later_tables
        case "missing column":
            column = baseline.tables[difference.table].columns[str(difference.name)]
            later = adoption.later_columns.get(difference.table, frozenset())
            return column.name in later and bool(column.nullable) and not column.foreign_keys
        case "missing index":
            return True
        case "extra table" | "extra index" | "other":
            return False
