"""The tables that a revision would make, without a database: its operations are recorded instead of run.

Only what builds a schema from nothing is recorded, which is what the first revision of a project does: tables, their
constraints and indexes. A first revision that also fills tables is no schema to compare with, and says so.
"""

import threading
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from alembic.ddl.impl import DefaultImpl
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script
from sqlalchemy import CursorResult, Dialect, Executable, Index, MetaData, Table
from sqlalchemy.schema import CreateIndex, CreateTable
from typing_extensions import override

from crossfade.errors import RevisionsError

ALONE = threading.RLock()
"""Held while a revision runs: `alembic.op` is one for the process, so two threads would change one database."""


class _Recorder(DefaultImpl):
    """Where the operations of a revision end up: in `tables` and `indexes`."""

    def __init__(self, dialect: Dialect) -> None:
        """A recorder that has seen nothing yet."""
        super().__init__(dialect, None, True, None, StringIO(), {})  # noqa: FBT003  alembic's own signature
        self.tables: list[Table] = []
        self.indexes: list[Index] = []

    @override
    def _exec(
        self,
        construct: Executable | str,
        execution_options: Mapping[str, Any] | None = None,
        multiparams: Sequence[Mapping[str, Any]] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> CursorResult[Any] | None:
        match construct:
            case CreateTable():
                self.tables.append(construct.element)
            case CreateIndex():
                self.indexes.append(construct.element)
            case _:
                raise RevisionsError(reason=f"the first revision does more than make tables and indexes: {construct}")
        return None


def recorded(script: Script, dialect: Dialect) -> MetaData:
    """The tables and indexes that the upgrade of `script` makes on databases of this dialect."""
    context = MigrationContext.configure(dialect=dialect, opts={"as_sql": True, "output_buffer": StringIO()})
    recorder = _Recorder(dialect)
    context.impl = recorder
    with ALONE, Operations.context(context):
        script.module.upgrade()
    metadata = MetaData()
    for table in recorder.tables:
        table.to_metadata(metadata)
    for index in recorder.indexes:
        _attach(index, metadata)
    return metadata


def _attach(index: Index, metadata: MetaData) -> None:
    """Puts an index that was made by name on the recorded table; those made with their table are there already."""
    named = index.table
    table = metadata.tables[str(named.key)] if named is not None else None
    if table is not None and index.name not in {known.name for known in table.indexes}:
        columns = [table.c[column.name] for column in index.columns]
        Index(index.name, *columns, unique=index.unique, **index.dialect_kwargs)
