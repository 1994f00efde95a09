"""Sets keys, indexes, unique constraints and foreign keys aside while rows are loaded, and brings them back.

A definition is what the database itself says that it is, so what comes back is what was there, also what the metadata
doesn't know of. SQLite can't do without a primary key; PostgreSQL takes half the time to load a table that has none,
and a tenth of it to make one. What can't be told in a definition (a tablespace, a replica identity) stays in place, and
so does everything in a table of somebody else's. That a definition which was removed isn't forgotten is left to the
ledger, in the transaction that removes it.
"""

import re
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from crossfade.transfer.shapes import Shape, quoted
from crossfade.transfer.transactions import execute, scalar

DefinitionKind = Literal["index", "unique index", "constraint", "key", "foreign key"]

EVERYTHING: Final[frozenset[DefinitionKind]] = frozenset(get_args(DefinitionKind))
BESIDE_KEYS: Final[frozenset[DefinitionKind]] = EVERYTHING - {"key"}
"""For who looks rows up by their keys."""
RESTRAINTS: Final[frozenset[DefinitionKind]] = BESIDE_KEYS - {"index"}
"""For what rows can be refused, and keys are in place."""


@dataclass(frozen=True)
class Definition:
    """Something that a table has beside its columns and its key, and the SQL that makes and removes it."""

    table: str
    """The name of its shape."""
    place: str
    """The table as SQL names it."""
    kind: DefinitionKind
    name: str
    creation: str
    removal: str


def of_table(connection: Any, shape: Shape) -> list[Definition]:
    """What can be set aside of a table. On PostgreSQL in a transaction, which has another search path afterwards.

    On PostgreSQL those come last that foreign keys of others may stand on: ask again after these were removed.
    """
    if isinstance(connection, sqlite3.Connection):
        return _of_sqlite(connection, shape)
    return _of_postgresql(connection, shape)


def set_aside(
    connection: Any, shapes: Iterable[Shape], which: Collection[DefinitionKind] = EVERYTHING
) -> list[Definition]:
    """Removes what can be set aside of these tables, in the caller's transaction, and returns it.

    References first, because they stand on keys and unique constraints; what one of another table stands on stays.
    """
    tables = list(shapes)
    removed: list[Definition] = []
    for references in (True, False):
        for shape in tables:
            for one in of_table(connection, shape):
                if (one.kind == "foreign key") is references and one.kind in which and one not in removed:
                    execute(connection, one.removal)
                    removed.append(one)
    return removed


def in_place(connection: Any, definition: Definition) -> bool:
    """Whether a table has something of this kind and name."""
    if isinstance(connection, sqlite3.Connection):
        statement = "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?"
        return scalar(connection, statement, (definition.name,)) is not None
    if definition.kind in {"constraint", "key", "foreign key"}:
        statement = "SELECT 1 FROM pg_catalog.pg_constraint WHERE conrelid = CAST(? AS regclass) AND conname = ?"
    else:
        statement = (
            "SELECT 1 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid"
            " WHERE i.indrelid = CAST(? AS regclass) AND x.relname = ?"
        )
    return scalar(connection, statement, (definition.place, definition.name)) is not None


def bring_back(connection: Any, definition: Definition) -> None:
    """Makes it again, in the caller's transaction, unless somebody has done that. Raises the driver's errors."""
    if not in_place(connection, definition):
        connection.execute(definition.creation)


def _of_sqlite(connection: Any, shape: Shape) -> list[Definition]:
    table = shape.at("sqlite")
    unique = {name for _, name, is_unique, *_ in execute(connection, f"PRAGMA index_list({table})") if is_unique}
    rows = execute(
        connection,
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND lower(tbl_name) = lower(?) AND sql IS NOT NULL"
        " ORDER BY name",
        (shape.bare,),
    )
    # Unique constraints have no definition of their own and stay, and so do references, which are switched off.
    return [
        Definition(
            shape.name, table, "unique index" if name in unique else "index", name, sql, f"DROP INDEX {quoted(name)}"
        )
        for name, sql in rows
    ]


_OWN = """
SELECT c.oid, c.oid::regclass::text FROM pg_catalog.pg_class c
WHERE c.oid = CAST(? AS regclass) AND c.relkind = 'r' AND NOT c.relispartition
  AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
"""
_CONSTRAINTS = """
SELECT c.contype, c.conname, pg_catalog.pg_get_constraintdef(c.oid),
       pg_catalog.obj_description(c.oid, 'pg_constraint')
FROM pg_catalog.pg_constraint c LEFT JOIN pg_catalog.pg_class x ON x.oid = c.conindid
WHERE c.conrelid = ? AND c.coninhcount = 0 AND (c.contype = 'f' OR (
  c.contype IN ('p', 'u', 'x') AND x.reltablespace = 0
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i
                  WHERE i.indexrelid = c.conindid AND (i.indisclustered OR i.indisreplident OR NOT i.indisvalid))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint f WHERE f.contype = 'f' AND f.conindid = c.conindid)
  -- A view that groups by the key stands on it.
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.refclassid = 'pg_catalog.pg_constraint'::regclass AND d.refobjid = c.oid AND d.deptype = 'n')
  -- Without its key, rows of a published table can't be deleted.
  AND NOT (c.contype = 'p' AND EXISTS (SELECT FROM pg_catalog.pg_class t JOIN pg_catalog.pg_namespace n
    ON n.oid = t.relnamespace JOIN pg_catalog.pg_publication_tables p
    ON (p.schemaname, p.tablename) = (n.nspname, t.relname) WHERE t.oid = c.conrelid))))
ORDER BY c.conname
"""
_KINDS: Final[dict[str, DefinitionKind]] = {"f": "foreign key", "p": "key"}
_INDEXES = """
SELECT x.relname, x.oid::regclass::text, i.indisunique, pg_catalog.pg_get_indexdef(i.indexrelid),
       pg_catalog.obj_description(x.oid, 'pg_class')
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
WHERE i.indrelid = ? AND i.indisvalid AND NOT (i.indisprimary OR i.indisclustered OR i.indisreplident)
  AND x.reltablespace = 0
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.conindid = i.indexrelid)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = x.oid AND a.attstattarget >= 0)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = x.oid)
ORDER BY x.relname
"""


def _of_postgresql(connection: Any, shape: Shape) -> list[Definition]:
    path = scalar(connection, "SELECT pg_catalog.current_setting('search_path')")
    oids = execute(connection, "SELECT CAST(CAST(? AS regclass) AS oid)", (shape.at("postgresql"),))
    # Without a search path everything is named with its schema, so that a later call means the same by it.
    execute(connection, "SELECT pg_catalog.set_config('search_path', '', true)")
    try:
        own = execute(connection, _OWN, (oids[0][0],))
        return [] if not own else [*_constraints(connection, shape, *own[0]), *_indexes(connection, shape, *own[0])]
    finally:
        execute(connection, "SELECT pg_catalog.set_config('search_path', ?, true)", (path,))


def _constraints(connection: Any, shape: Shape, oid: int, table: str) -> list[Definition]:
    found = []
    for contype, name, definition, comment in execute(connection, _CONSTRAINTS, (oid,)):
        kind = _KINDS.get(_text(contype), "constraint")
        creation = f"ALTER TABLE {table} ADD CONSTRAINT {quoted(name)} {definition}"
        creation += _comment(f"CONSTRAINT {quoted(name)} ON {table}", comment)
        removal = f"ALTER TABLE {table} DROP CONSTRAINT {quoted(name)}"
        found.append(Definition(shape.name, table, kind, name, creation, removal))
    return found


def _indexes(connection: Any, shape: Shape, oid: int, table: str) -> list[Definition]:
    return [
        Definition(
            shape.name,
            table,
            "unique index" if unique else "index",
            name,
            definition + _comment(f"INDEX {full}", comment),
            f"DROP INDEX {full}",
        )
        for name, full, unique, definition, comment in execute(connection, _INDEXES, (oid,))
    ]


def _comment(of: str, comment: str | None) -> str:
    if comment is None:
        return ""
    # E'' reads the same whatever standard_conforming_strings says.
    escaped = re.sub(r"(['\\])", r"\1\1", comment)
    return f"; COMMENT ON {of} IS E'{escaped}'"


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
