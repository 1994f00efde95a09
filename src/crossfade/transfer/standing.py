"""Rows of a merged target that stand for rows of the source with other keys, and references that follow them.

A merge notes whose key stands for whose (`keys`). So a row that seems to be missing may be there under another key, and
a row that seems to differ may refer to the one that stands for what it referred to. Whose values a row has that stands
for another is for the policy of the merge to say: they are not compared.
"""

import sqlite3
from collections.abc import Mapping, Sequence

from crossfade.transfer import keys
from crossfade.transfer.differences import Differing
from crossfade.transfer.digests import Side
from crossfade.transfer.framing import split
from crossfade.transfer.shapes import Reference, Shape
from crossfade.transfer.transactions import execute


def explains(target: Side, row: Differing) -> bool:
    """Whether what the merge noted in the target is why this row is missing, or differs."""
    if row.change == "missing":
        key = _stands_for(target, row.shape.name, row.shape.key, row.key_values)
        if key is not None:
            return _is_there(target, row.shape, key)
        moved = _moved(target, row)
        return moved is not None and _follows(target, moved)
    return row.change == "changed" and _follows(target, row)


def _moved(target: Side, row: Differing) -> Differing | None:
    """The row under the key that it has got because references are part of it; None if it isn't there."""
    shape, names = row.shape, [column.name for column in row.shape.columns]
    here = dict(zip(names, split(row.source or b"", shape.columns), strict=True))
    there = dict(here)
    for reference in shape.references:
        found = _stands_for(target, reference.table, reference.to, [here[name] for name in reference.columns])
        there |= dict(zip(reference.columns, found or (), strict=bool(found)))
    key = [there[name] for name in shape.key]
    if key == [here[name] for name in shape.key]:
        return None
    frame = target.framing.octets(target.frame(shape))
    for (found_frame,) in execute(target.connection, target.select(shape, frame, *_keyed(target, shape, key))):
        return Differing(shape, "changed", row.key, row.source, found_frame)
    return None


def _is_there(target: Side, shape: Shape, key: Sequence[bytes | None]) -> bool:
    return bool(execute(target.connection, target.select(shape, "1", *_keyed(target, shape, key))))


def _keyed(target: Side, shape: Shape, key: Sequence[bytes | None]) -> list[str]:
    """SQL: the conditions that hold for the row of this key."""
    texts = [(value or b"").decode("utf-8", "replace") for value in key]
    return [
        f"{column.quoted} = {column.kind.stored(keys.literal(text), target.engine)}"
        for column, text in zip(shape.key_columns, texts, strict=True)
    ]


def _follows(target: Side, row: Differing) -> bool:
    """Whether all that differs are references, to rows that stand for those that the source refers to."""
    shape, names = row.shape, [column.name for column in row.shape.columns]
    here, there = (
        dict(zip(names, split(frame or b"", shape.columns), strict=True)) for frame in (row.source, row.target)
    )
    differing = set(row.columns)
    for reference in shape.references:
        if differing.intersection(reference.columns) and _is_followed(target, reference, here, there):
            differing -= {*reference.columns}
    return not differing


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
    texts = [(value or b"").decode("utf-8", "replace") for value in values]
    count = len(texts)
    sqlite = isinstance(target.connection, sqlite3.Connection)
    if sqlite:
        array = f"json_array({', '.join('?' * count)})"
        parts = [f"json_extract(target_key, '$[{number}]')" for number in range(count)]
    else:
        array = f"CAST(json_build_array({', '.join(['CAST(? AS TEXT)'] * count)}) AS TEXT)"
        parts = [f"CAST(target_key AS JSON) ->> {number}" for number in range(count)]
    rows = execute(
        target.connection,
        f"SELECT {', '.join(parts)} FROM {keys.MAP} WHERE table_name = ? AND columns = ? AND source_key = {array}",
        (table, ",".join(columns), *texts),
    )
    return [None if one is None else str(one).encode() for one in rows[0]] if rows else None
