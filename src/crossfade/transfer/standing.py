"""Rows of a merged target that stand for rows of the source with other keys, and references that follow them.

A merge notes whose key stands for whose (`keys`), and the ledger what it was asked for. So a row that seems to be
missing may be there under another key, one that the target seems to have alone may stand for it, and a row that seems
to differ may refer to the one that stands for what it referred to. Whose values a row has that stands for another is
for the policy of the merge to say: where it says the source's, they are compared.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from crossfade.transfer import keys, ledger, newness
from crossfade.transfer.differences import Differing
from crossfade.transfer.digests import Side
from crossfade.transfer.framing import split
from crossfade.transfer.reports import Policy
from crossfade.transfer.shapes import Reference, Shape
from crossfade.transfer.transactions import execute, scalar


@dataclass(frozen=True)
class Terms:
    """What a merge that took rows for one was asked for."""

    policy: Policy
    newest_by: str = newness.DEFAULT

    @classmethod
    def noted(cls, connection: Any, *, source: str) -> Self | None:
        """Those of the last merge into this database, if that was from this source (a masked URL) and did so."""
        found = ledger.last_merge(connection)
        if found is None or found[0] != source or not found[1].get("remap"):
            return None
        return cls(found[1]["policy"], found[1]["newest_by"])


def explains(target: Side, row: Differing, terms: Terms) -> bool:
    """Whether what the merge noted in the target is why this row is missing, differs, or is there alone."""
    match row.change:
        case "missing":
            key = _stands_for(target, row.shape.name, row.shape.key, row.key_values)
            if key is not None:
                there = _under(target, row, key)
                return there is not None and _has_its_values(target, there, terms)
            moved = _moved(target, row)
            return moved is not None and _follows(target, moved)
        case "extra":
            return _stands_for_any(target, row)
        case "changed":
            return _follows(target, row)


def _has_its_values(target: Side, row: Differing, terms: Terms) -> bool:
    """Whether the row that stands for one of the source has what the policy gives it."""
    if terms.policy not in {"update", "newest"} or _follows(target, row, but=row.shape.key):
        return True
    return terms.policy == "newest" and not _is_newer(row, terms.newest_by)


def _is_newer(row: Differing, by: str) -> bool:
    """Whether the source's row is the newer one."""
    column = newness.column_of(row.shape, by)
    if column is None:
        return False
    position = row.shape.columns.index(column)
    here, there = (split(frame or b"", row.shape.columns)[position] for frame in (row.source, row.target))
    return newness.is_later(column, here, there)


def _moved(target: Side, row: Differing) -> Differing | None:
    """The row under the key that it has got because references are part of it; None if it isn't there."""
    shape, names = row.shape, [column.name for column in row.shape.columns]
    here = dict(zip(names, split(row.source or b"", shape.columns), strict=True))
    there = dict(here)
    for reference in shape.references:
        found = _stands_for(target, reference.table, reference.to, [here[name] for name in reference.columns])
        there |= dict(zip(reference.columns, found or (), strict=bool(found)))
    key = [there[name] for name in shape.key]
    return None if key == [here[name] for name in shape.key] else _under(target, row, key)


def _under(target: Side, row: Differing, key: Sequence[bytes | None]) -> Differing | None:
    """The same row beside that of the target under this key; None if there is none."""
    frame = target.framing.octets(target.frame(row.shape))
    statement = target.select(row.shape, frame, *_keyed(target, row.shape, key))
    for (found,) in execute(target.connection, statement):
        return Differing(row.shape, "changed", row.key, row.source, found)
    return None


def _keyed(target: Side, shape: Shape, key: Sequence[bytes | None]) -> list[str]:
    """SQL: the conditions that hold for the row of this key."""
    return [
        f"{column.quoted} = {column.kind.stored(keys.literal(text), target.engine)}"
        for column, text in zip(shape.key_columns, _texts(key), strict=True)
    ]


def _follows(target: Side, row: Differing, *, but: Collection[str] = ()) -> bool:
    """Whether all that differs (`but` these columns) refers to rows that stand for those that the source refers to."""
    shape, names = row.shape, [column.name for column in row.shape.columns]
    here, there = (
        dict(zip(names, split(frame or b"", shape.columns), strict=True)) for frame in (row.source, row.target)
    )
    differing = set(row.columns)
    for reference in shape.references:
        if differing.intersection(reference.columns) and _is_followed(target, reference, here, there):
            differing -= {*reference.columns}
    return not differing.difference(but)


def _is_followed(
    target: Side, reference: Reference, here: Mapping[str, bytes | None], there: Mapping[str, bytes | None]
) -> bool:
    found = _stands_for(target, reference.table, reference.to, [here[name] for name in reference.columns])
    return found is not None and found == [there[name] for name in reference.columns]


def _stands_for(
    target: Side, table: str, columns: Sequence[str], values: Sequence[bytes | None]
) -> list[bytes | None] | None:
    """The values, in the target, of these columns of the row that stands for another one; None if none does."""
    if any(value is None for value in values):
        return None
    count = len(values)
    sqlite = isinstance(target.connection, sqlite3.Connection)
    parts = [
        f"json_extract(target_key, '$[{number}]')" if sqlite else f"CAST(target_key AS JSON) ->> {number}"
        for number in range(count)
    ]
    rows = execute(
        target.connection,
        f"SELECT {', '.join(parts)} FROM {keys.MAP} WHERE {_noted(target, 'source_key', count)}",
        (table, ",".join(columns), *_texts(values)),
    )
    return [None if one is None else str(one).encode() for one in rows[0]] if rows else None


def _stands_for_any(target: Side, row: Differing) -> bool:
    """Whether a row of the target stands for one that has another key."""
    values = row.key_values
    statement = f"SELECT count(*) FROM {keys.MAP} WHERE {_noted(target, 'target_key', len(values))}"
    return bool(scalar(target.connection, statement, (row.shape.name, ",".join(row.shape.key), *_texts(values))))


def _noted(target: Side, column: str, count: int) -> str:
    """SQL: which entries are about a table, some columns, and so many values of them; all are parameters."""
    sqlite = isinstance(target.connection, sqlite3.Connection)
    array = (
        f"json_array({', '.join('?' * count)})"
        if sqlite
        else f"CAST(json_build_array({', '.join(['CAST(? AS TEXT)'] * count)}) AS TEXT)"
    )
    return f"table_name = ? AND columns = ? AND {column} = {array}"


def _texts(values: Sequence[bytes | None]) -> list[str]:
    return [(value or b"").decode("utf-8", "replace") for value in values]
