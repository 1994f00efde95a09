"""Brings rows into a table that has rows already.

A batch arrives in a staging table of the target. There its references are rewritten, its rows compared with those of
the table, and the policy applied: everything is said in sets, so a batch takes a dozen statements, whatever its size.
`Merge.found` only looks, for the pass before anything is written; `Merge.apply` writes, in the caller's transaction.
Reading the rows, and which batch comes when, is left to the copy.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from crossfade.errors import CopyConflictError
from crossfade.transfer import keys, newness
from crossfade.transfer.kinds import EngineName
from crossfade.transfer.reports import Conflict, Policy
from crossfade.transfer.shapes import Column, Reference, Shape, quoted

STAGED = '"crossfade_staged"'
"""Where the rows of a batch arrive, a temporary table."""

_MET = '"crossfade_met"'


@dataclass
class Found:
    """What the rows of the source meet in a table of the target."""

    rows: int = 0
    existing: int = 0
    """Have the key of a row in the target."""
    alike: int = 0
    """Of these, the same in every column."""
    undecided: int = 0
    """Meet a row that has other values, and neither says which is newer: no column does, or both lack its value."""
    clashing: int = 0
    """Have a unique value of a row with another key."""
    ambiguous: int = 0
    """Of the clashing, can't be merged: they meet several rows, or have the key of one and a value of another."""
    examples: list[Conflict] = field(default_factory=list)

    def conflicts(self, policy: Policy, *, remap: bool) -> int:
        """How many of the rows can't be copied with this policy."""
        clashing = self.ambiguous if remap else self.clashing
        return clashing + (self.existing if policy == "error" else self.undecided)

    def __add__(self, other: "Found") -> "Found":
        """Both together."""
        return Found(
            rows=self.rows + other.rows,
            existing=self.existing + other.existing,
            alike=self.alike + other.alike,
            undecided=self.undecided + other.undecided,
            clashing=self.clashing + other.clashing,
            ambiguous=self.ambiguous + other.ambiguous,
            examples=self.examples + other.examples,
        )


@dataclass(frozen=True)
class Merged:
    """What became of the rows of a batch. Each is inserted, updated or skipped; some of the latter two are merged."""

    inserted: int
    updated: int
    skipped: int
    merged: int


@dataclass(frozen=True)
class Merge:
    """How the rows of one table are merged into the target's."""

    shape: Shape
    engine: EngineName
    """Of the target."""
    policy: Policy
    newest_by: str
    remap: bool
    referred: tuple[tuple[str, ...], ...] = ()
    """The sets of columns of this table that others refer to."""
    deferred: tuple[Reference, ...] = ()
    """References to rows that may come later: rows are inserted without them, `settle` sets them in the end."""

    @classmethod
    def of(
        cls,
        shape: Shape,
        *,
        among: Sequence[Shape],
        deferred: Sequence[Reference] = (),
        engine: EngineName,
        policy: Policy,
        newest_by: str = newness.DEFAULT,
        remap: bool = False,
    ) -> "Merge":
        """For one of the tables of a copy. A reference that must not be null can't wait, so it isn't deferred."""
        referred = {one.to for other in among for one in other.references if one.table == shape.name}
        return cls(
            shape=shape,
            engine=engine,
            policy=policy,
            newest_by=newest_by,
            remap=remap,
            referred=tuple(sorted(referred | {shape.key})),
            deferred=tuple(one for one in deferred if all(shape.column(name).nullable for name in one.columns)),
        )

    def open(self, connection: Any) -> None:
        """Makes the staging table for this table's rows, empty. In a transaction or not, as the caller likes."""
        for name in (STAGED, _MET):
            connection.execute(f"DROP TABLE IF EXISTS {name}")
        columns = keys.quoted_names(one.name for one in self.shape.columns)
        connection.execute(f"CREATE TEMP TABLE {STAGED} AS SELECT {columns} FROM {self._table} LIMIT 0")
        connection.execute(f"CREATE TEMP TABLE {_MET} (source_key TEXT, target_key TEXT, columns TEXT)")

    def clear(self, connection: Any) -> None:
        """Empties the staging table for the next batch."""
        for name in (STAGED, _MET):
            connection.execute(f"DELETE FROM {name}")

    def found(self, connection: Any, *, limit: int) -> Found:
        """What the staged rows meet, with at most `limit` examples. Rewrites references and notes merged keys."""
        self._rewrite(connection)
        self._meet(connection)
        clashing, ambiguous = self._clashes(connection)
        differs = self._any_differs(self._carried)
        rows, existing, alike, undecided = self._row(
            connection,
            f"SELECT (SELECT count(*) FROM {STAGED}), count(*), count(CASE WHEN NOT ({differs}) THEN 1 END),"
            f" count(CASE WHEN {self._undecided} THEN 1 END)"
            f" FROM {STAGED} AS s JOIN {self._table} AS t ON {self._same_key}",
        )
        clashes = self._clash_examples(connection, limit) if clashing else []
        examples = [*clashes, *self._key_examples(connection, limit)][:limit]
        if self.remap:
            self._remember(connection)
            if clashing:
                undecided += self._row(connection, f"SELECT count(*) FROM ({self._undecided_merges}) AS u")[0]
        return Found(rows, existing, alike, undecided, clashing, ambiguous, examples)

    def apply(self, connection: Any) -> Merged:
        """Brings the staged rows into the table.

        Raises CopyConflictError for rows that came into the target since they were looked for, and the driver's
        IntegrityError if the database objects.
        """
        self._rewrite(connection)
        merged = 0
        if self.remap:
            self._meet(connection)
            self._remember(connection)
            merged = self._take_target_keys(connection)
        self._defer(connection)
        existing = self._row(
            connection, f"SELECT count(*) FROM {STAGED} AS s JOIN {self._table} AS t ON {self._same_key}"
        )[0]
        if self.policy == "error" and existing > merged:
            raise CopyConflictError(table=self.shape.name, rows=existing - merged)
        updated = self._update(connection)
        inserted = self._insert(connection)
        return Merged(inserted=inserted, updated=updated, skipped=existing - updated, merged=merged)

    def settle(self, connection: Any) -> None:
        """Sets the deferred references of this table, when all tables are there. Safe to repeat."""
        for reference in self.deferred:
            keys.settle(connection, self.shape, reference, self.engine)

    @property
    def _table(self) -> str:
        return self.shape.at(self.engine)

    @property
    def _carried(self) -> tuple[Column, ...]:
        return tuple(one for one in self.shape.columns if one.name not in self.shape.key)

    @property
    def _undecided(self) -> str:
        """SQL: whether the policy would have the newer row, and neither says which it is."""
        if self.policy != "newest":
            return "1 = 0"
        column = newness.column_of(self.shape, self.newest_by)
        differs = f"({self._any_differs(self._carried)})"
        return differs if column is None else f"({differs} AND s.{column.quoted} IS NULL AND t.{column.quoted} IS NULL)"

    @property
    def _same_key(self) -> str:
        # The table's column comes first: on SQLite its collation decides, and staging tables have none.
        return " AND ".join(f"t.{one.quoted} = s.{one.quoted}" for one in self.shape.key_columns)

    def _differs(self, column: Column) -> str:
        there, here = (column.kind.digest(f"{alias}.{column.quoted}", self.engine) for alias in ("t", "s"))
        return f"({there} {'IS NOT' if self.engine == 'sqlite' else 'IS DISTINCT FROM'} {here})"

    def _any_differs(self, columns: Sequence[Column]) -> str:
        return " OR ".join(map(self._differs, columns)) or "1 = 0"

    @property
    def _wins(self) -> str:
        """SQL: whether the staged row's values replace the target's."""
        if self.policy == "update":
            return "1 = 1"
        column = newness.column_of(self.shape, self.newest_by) if self.policy == "newest" else None
        if column is None:
            return "1 = 0"
        here, there = (newness.comparable(column, alias, self.engine) for alias in ("s", "t"))
        return f"({here} > {there} OR (t.{column.quoted} IS NULL AND s.{column.quoted} IS NOT NULL))"

    def _rewrite(self, connection: Any) -> None:
        if not self.remap:
            return
        # A deferred reference is rewritten when it is set: the row that it means may not have come yet.
        for reference in self.shape.references:
            if reference not in self.deferred:
                keys.rewrite(connection, self.shape, reference, STAGED, self.engine)

    def _meet(self, connection: Any) -> None:
        """Finds the rows of the target that share a unique value, but not the key, with staged ones."""
        source, target = (keys.framed(self.shape.key_columns, alias, self.engine) for alias in ("s", "t"))
        for columns in self.shape.uniques:
            same = " AND ".join(f"t.{one.quoted} = s.{one.quoted}" for one in map(self.shape.column, columns))
            connection.execute(
                f"INSERT INTO {_MET} SELECT {source}, {target}, {keys.named(columns)}"
                f" FROM {STAGED} AS s JOIN {self._table} AS t ON {same} WHERE NOT ({self._same_key})"
            )

    @property
    def _ambiguous(self) -> str:
        """SQL: the keys of staged rows that no single row of the target can stand for."""
        source = keys.framed(self.shape.key_columns, "s", self.engine)
        table, columns = keys.literal(self.shape.name), keys.named(self.shape.key)
        return (
            f"SELECT source_key FROM {_MET} GROUP BY source_key HAVING count(DISTINCT target_key) > 1"
            f" UNION SELECT source_key FROM {_MET} WHERE target_key IN"
            f" (SELECT target_key FROM {_MET} GROUP BY target_key HAVING count(DISTINCT source_key) > 1)"
            f" UNION SELECT n.source_key FROM {_MET} AS n JOIN {keys.MAP} AS m ON m.target_key = n.target_key"
            f" AND m.source_key <> n.source_key AND m.table_name = {table} AND m.columns = {columns}"
            f" UNION SELECT {source} FROM {STAGED} AS s JOIN {self._table} AS t ON {self._same_key}"
            f" WHERE {source} IN (SELECT source_key FROM {_MET})"
        )

    def _clashes(self, connection: Any) -> tuple[int, int]:
        clashing = self._row(connection, f"SELECT count(DISTINCT source_key) FROM {_MET}")[0]
        if not clashing:
            return 0, 0
        return clashing, self._row(connection, f"SELECT count(*) FROM ({self._ambiguous}) AS a")[0]

    @property
    def _undecided_merges(self) -> str:
        """SQL: the keys of staged rows that one row of the target can stand for, but differs, and neither is newer."""
        source, target = (keys.framed(self.shape.key_columns, alias, self.engine) for alias in ("s", "t"))
        return (
            f"SELECT DISTINCT n.source_key FROM {_MET} AS n JOIN {STAGED} AS s ON {source} = n.source_key"
            f" JOIN {self._table} AS t ON {target} = n.target_key"
            f" WHERE {self._undecided} AND n.source_key NOT IN ({self._ambiguous})"
        )

    def _remember(self, connection: Any) -> None:
        """Maps each staged row that meets one row of the target to it, for every set of columns others refer to."""
        source = keys.framed(self.shape.key_columns, "s", self.engine)
        target = keys.framed(self.shape.key_columns, "t", self.engine)
        for names in self.referred:
            columns = [self.shape.column(name) for name in names]
            connection.execute(
                f"INSERT INTO {keys.MAP} (table_name, columns, source_key, target_key)"
                f" SELECT DISTINCT {keys.literal(self.shape.name)}, {keys.named(names)},"
                f" {keys.framed(columns, 's', self.engine)}, {keys.framed(columns, 't', self.engine)}"
                f" FROM {_MET} AS n JOIN {STAGED} AS s ON {source} = n.source_key"
                f" JOIN {self._table} AS t ON {target} = n.target_key"
                f" WHERE n.source_key NOT IN ({self._ambiguous})"
                " ON CONFLICT DO NOTHING"
            )

    def _take_target_keys(self, connection: Any) -> int:
        """Gives merged rows the key of the row that stands for them: from here on they are rows that exist."""
        values = ", ".join(
            f"{one.quoted} = {keys.unframed('m.target_key', position, one, self.engine)}"
            for position, one in enumerate(self.shape.key_columns)
        )
        taken: int = connection.execute(
            f"UPDATE {STAGED} AS s SET {values} FROM {keys.MAP} AS m"
            f" WHERE m.table_name = {keys.literal(self.shape.name)} AND m.columns = {keys.named(self.shape.key)}"
            f" AND m.source_key = {keys.framed(self.shape.key_columns, 's', self.engine)}"
        ).rowcount
        return taken

    def _defer(self, connection: Any) -> None:
        """Notes the references that have to wait, of rows that will be inserted or that win, and takes them out."""
        for reference in self.deferred:
            there = f"SELECT 1 FROM {self._table} AS t WHERE {self._same_key}"
            condition = f"NOT EXISTS ({there}) OR EXISTS ({there} AND {self._wins})"
            keys.keep_waiting(connection, self.shape, reference, STAGED, self.engine, condition=condition)

    def _value(self, column: Column, *, until_set: str) -> str:
        """SQL: what a row gets for a column now: the staged value, unless its reference has to wait."""
        for reference in self.deferred:
            if column.name in reference.columns:
                empty = " OR ".join(f"s.{quoted(name)} IS NULL" for name in reference.columns)
                return f"CASE WHEN {empty} THEN s.{column.quoted} ELSE {until_set} END"
        return f"s.{column.quoted}"

    def _update(self, connection: Any) -> int:
        if self.policy not in {"update", "newest"} or not self._carried:
            return 0
        values = ", ".join(f"{one.quoted} = {self._value(one, until_set=f't.{one.quoted}')}" for one in self._carried)
        updated: int = connection.execute(
            f"UPDATE {self._table} AS t SET {values} FROM {STAGED} AS s"
            f" WHERE {self._same_key} AND {self._wins} AND ({self._any_differs(self._carried)})"
        ).rowcount
        return updated

    def _insert(self, connection: Any) -> int:
        names = keys.quoted_names(one.name for one in self.shape.columns)
        values = ", ".join(self._value(one, until_set="NULL") for one in self.shape.columns)
        # What the source says is kept even for columns that PostgreSQL always generates.
        identity = "" if self.engine == "sqlite" else " OVERRIDING SYSTEM VALUE"
        inserted: int = connection.execute(
            f"INSERT INTO {self._table} ({names}){identity} SELECT {values} FROM {STAGED} AS s"
            f" WHERE NOT EXISTS (SELECT 1 FROM {self._table} AS t WHERE {self._same_key})"
        ).rowcount
        return inserted

    def _key_examples(self, connection: Any, limit: int) -> list[Conflict]:
        """Rows whose key exists in the target and that the policy has no answer for, those that differ first."""
        if self.policy not in {"error", "newest"}:
            return []
        refused = "1 = 1" if self.policy == "error" else self._undecided
        key = self.shape.key_columns
        texts = [one.kind.text(f"s.{one.quoted}", self.engine) for one in key]
        flags = [f"CASE WHEN {self._differs(one)} THEN 1 ELSE 0 END" for one in self._carried]
        rows = connection.execute(
            f"SELECT {', '.join((*texts, *flags))} FROM {STAGED} AS s JOIN {self._table} AS t ON {self._same_key}"
            f" WHERE {refused} ORDER BY CASE WHEN {self._any_differs(self._carried)} THEN 0 ELSE 1 END LIMIT {limit}"
        ).fetchall()
        return [
            Conflict(
                table=self.shape.name,
                key=dict(zip(self.shape.key, row[: len(key)], strict=True)),
                columns=tuple(one.name for one, differs in zip(self._carried, row[len(key) :], strict=True) if differs),
                why="exists" if self.policy == "error" else "undecided",
            )
            for row in rows
        ]

    def _clash_examples(self, connection: Any, limit: int) -> list[Conflict]:
        """Rows with a unique value of another row of the target, unless they are taken for one with it."""
        if not self.remap:
            return self._clashing(connection, "clashes", "1 = 1", limit)
        return [
            *self._clashing(connection, "ambiguous", f"source_key IN ({self._ambiguous})", limit),
            *self._clashing(connection, "undecided", f"source_key IN ({self._undecided_merges})", limit),
        ]

    def _clashing(
        self, connection: Any, why: Literal["clashes", "ambiguous", "undecided"], where: str, limit: int
    ) -> list[Conflict]:
        size = len(self.shape.key)
        parts = [
            f"json_extract({side}, '$[{position}]')"
            if self.engine == "sqlite"
            else f"CAST({side} AS JSON) ->> {position}"
            for side in ("source_key", "target_key")
            for position in range(size)
        ]
        rows = connection.execute(
            f"SELECT columns, {', '.join(parts)} FROM {_MET} WHERE {where} LIMIT {limit}"
        ).fetchall()
        return [
            Conflict(
                table=self.shape.name,
                key=dict(zip(self.shape.key, keyed[:size], strict=True)),
                columns=tuple(columns.split(",")),
                why=why,
                other=dict(zip(self.shape.key, keyed[size:], strict=True)),
            )
            for columns, *keyed in rows
        ]

    def _row(self, connection: Any, statement: str) -> tuple[int, ...]:
        row: tuple[int, ...] = connection.execute(statement).fetchone()
        return row
