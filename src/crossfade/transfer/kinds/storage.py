"""Values as SQLite stores them, which may be anything anywhere.

SQL that lets our functions read them, and what stands for those that have no canonical text. What a value means is left
to the kinds.
"""

from typing import Final

_BAD: Final = "?"


def bad(stored: bytes | float) -> str:
    """What stands for a stored value without canonical text: no canonical text begins like it."""
    raw = stored if isinstance(stored, bytes) else repr(stored).encode()
    return f"{_BAD}{raw.hex()}"


def through(function: str, column: str, *stored: str) -> str:
    """SQLite: what one of our functions makes of the values of a column stored as (`text`, `integer`, `real`).

    NULL stays NULL, a value that is stored otherwise gets a stand-in. Text is handed over as bytes: the driver would
    fail to read what isn't UTF-8.
    """
    whens = "".join(
        f" WHEN '{one}' THEN " + function.format(f"CAST({column} AS BLOB)" if one == "text" else column)
        for one in stored
    )
    return f"CASE typeof({column}){whens} WHEN 'null' THEN NULL ELSE {stand_in(column)} END"


def numbers_alone(column: str, text: str) -> str:
    """SQLite: a text of a column, but a stand-in for what isn't stored as a number (or NULL)."""
    return f"CASE WHEN {column} >= '' THEN {stand_in(column)} ELSE {text} END"


def no_bytes(column: str, text: str) -> str:
    """SQLite: a text of a column, but a stand-in for what is stored as bytes."""
    # SQLite sorts numbers before text, and text before bytes: to compare costs a third of asking for the type.
    return f"CASE WHEN {column} >= x'' THEN {stand_in(column)} ELSE {text} END"


def stand_in(column: str) -> str:
    """SQLite: what stands for a value without canonical text, whatever it is: no canonical text begins like it."""
    return f"'{_BAD}' || typeof({column}) || ':' || hex({column})"


def read(stored: bytes) -> str:
    """The text of bytes that SQLite has as text. Raises ValueError for what no text of PostgreSQL can be."""
    text = stored.decode()
    if "\0" in text:
        raise ValueError(text)
    return text


def is_bad(text: str) -> str:
    """SQLite: whether a text that one of our functions gave is such a stand-in."""
    return f"ifnull(substr({text}, 1, 1) = '{_BAD}', 0)"
