"""One text for a whole row: equal on both engines if, and only if, every column means the same.

A frame binds each value to its column: it says how many bytes a value has before the value itself wherever the value
may hold anything, so no two rows that differ have one frame. It is made by the engine and read by `split`. What is done
with frames, hashing or comparing them, is left to `digests` and `differences`.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct

from crossfade.transfer.kinds import EngineName
from crossfade.transfer.kinds.documents import Json
from crossfade.transfer.kinds.numbers import Float
from crossfade.transfer.shapes import Column

_DOUBLE = Struct(">d")
_DIGITS_OF_BITS = 16
_TAB = b"\t"
_NOTHING = "n"
"""Stands for NULL where a value has no length: no value without a length is written like it."""
_NO_LENGTH = "-1"
"""The length of a NULL."""
_GROUP = 60
"""Columns that are framed in one call: PostgreSQL's functions take 99 arguments, SQLite's 127."""

Values = tuple[bytes | None, ...]


@dataclass(frozen=True)
class Framing:
    """How an engine makes frames."""

    engine: EngineName
    utf8: bool = True
    """Whether its texts are UTF-8 in the database: then their bytes are counted without converting them."""

    def of(self, columns: Sequence[Column], *, alias: str = "") -> str:
        """SQL: the frame of these columns of a row."""
        prefix = f"{alias}." if alias else ""
        return _joined([self._group(group, prefix) for group in _groups(columns)])

    def octets(self, text: str) -> str:
        """SQL: a text as bytes of UTF-8."""
        if self.engine == "sqlite":
            return f"CAST({text} AS BLOB)" if self.utf8 else f"crossfade_encoded({text})"
        return f"convert_to({text}, 'UTF8')"

    def _group(self, columns: Sequence[Column], prefix: str) -> str:
        sized = [self._value(one, prefix) for one in columns if _sized(one)]
        plain = [self._value(one, prefix) for one in columns if not _sized(one)]
        lengths = [self._length(value) for value in sized]
        if self.engine == "sqlite":
            # Joining with || copies what is joined so far each time, printf doesn't, but cuts a text at U+0000.
            head = [*lengths, *(f"ifnull({value}, '{_NOTHING}')" for value in plain)]
            form = "%s\t" * len(head)
            printed = f"printf('{form}', {', '.join(head)})"
            return _joined([printed, *(f"ifnull({value}, '')" for value in sized)])
        head = [*lengths, *(f"coalesce({value}, '{_NOTHING}')" for value in plain)]
        contents = f"concat({', '.join(sized)})" if sized else "''"
        return f"concat_ws(E'\\t', {', '.join(head)}, {contents})"

    def _value(self, column: Column, prefix: str) -> str:
        given = prefix + column.quoted
        value = column.kind.digest(given, self.engine)
        if not isinstance(column.kind, Float):
            return value
        # Its bits: they take half the time that its digits do.
        if self.engine == "postgresql":
            return f"encode(float8send({given}::float8), 'hex')"
        return f"CASE WHEN typeof({given}) IN ('real', 'integer') THEN crossfade_bits({given}) ELSE {value} END"

    def _length(self, value: str) -> str:
        if self.engine == "postgresql":
            # length() would count characters, which takes a look at each.
            return f"coalesce(octet_length({value if self.utf8 else self.octets(value)}), {_NO_LENGTH})"
        # Bytes that somebody stored in a column of text aren't that text; they sort after every text.
        return (
            f"CASE WHEN {value} < x'' THEN length({self.octets(value)}) WHEN {value} IS NULL THEN {_NO_LENGTH}"
            f" ELSE 'b' || length({value}) END"
        )


def install(connection: sqlite3.Connection) -> None:
    """Makes frames work on a connection to SQLite, for which `kinds.install` was called."""
    connection.create_function("crossfade_encoded", 1, _encoded, deterministic=True)
    connection.create_function("crossfade_bits", 1, _bits, deterministic=True)


def split(frame: bytes, columns: Sequence[Column]) -> Values:
    """The values of a frame, in the order of `columns`."""
    found: dict[str, bytes | None] = {}
    position = 0
    for group in _groups(columns):
        sized = [one for one in group if _sized(one)]
        plain = [one for one in group if not _sized(one)]
        *head, rest = frame[position:].split(_TAB, len(group))
        position = len(frame) - len(rest)
        for column, value in zip(plain, head[len(sized) :], strict=True):
            found[column.name] = None if value == _NOTHING.encode() else _plain_value(value, column)
        for column, length in zip(sized, head, strict=False):
            found[column.name], position = _sized_value(frame, position, length)
    return tuple(found[column.name] for column in columns)


def _plain_value(value: bytes, column: Column) -> bytes:
    if not isinstance(column.kind, Float) or len(value) != _DIGITS_OF_BITS or value.startswith(b"?"):
        # Not one of ours: what was stored is no float.
        return value
    (number,) = _DOUBLE.unpack(bytes.fromhex(value.decode()))
    return repr(number).encode()


def _sized_value(frame: bytes, position: int, length: bytes) -> tuple[bytes | None, int]:
    if length == _NO_LENGTH.encode():
        return None, position
    stored_as_bytes = length.startswith(b"b")
    end = position + int(length.removeprefix(b"b"))
    value = frame[position:end]
    return (b"bytes " + value.hex().encode() if stored_as_bytes else value), end


def _encoded(text: object) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode()


def _bits(number: float) -> str:
    if isinstance(number, int) and int(float(number)) != number:
        # No float is this number.
        return f"?{number}"
    return _DOUBLE.pack(number).hex()


def _groups(columns: Sequence[Column]) -> Iterator[Sequence[Column]]:
    for start in range(0, len(columns), _GROUP):
        yield columns[start : start + _GROUP]


def _sized(column: Column) -> bool:
    """Whether a value needs its length beside it. What a parsed document is written as has no tab."""
    kind = column.kind
    return kind.free and not (isinstance(kind, Json) and kind.parsed)


def _joined(parts: Sequence[str]) -> str:
    """Texts as one, joined in halves: each is copied as often as the halving goes, not as there are others."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({_joined(parts[:middle])} || {_joined(parts[middle:])})"
