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
        return key is not None and _is_there(target, row.shape, key)
    return row.change == "changed" and _follows(target, row)


def _is_there(target: Side, shape: Shape, key: Sequence[bytes | None]) -> bool:
    texts = [(value or b"").decode("utf-8", "replace") for value in key]
    same = [
        f"{column.quoted} = {column.kind.stored(keys.literal(text), target.engine)}"
        for column, text in zip(shape.key_columns, texts, strict=True)
    ]
    return bool(execute(target.connection, target.select(shape, "1", *same)))


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
