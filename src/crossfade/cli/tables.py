"""Reports in columns, and keys of rows, as people read them."""

from collections.abc import Mapping, Sequence
from typing import Any


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines in which the columns stand below each other: the first one to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def key(values: Mapping[str, Any]) -> str:
    """The key of a row."""
    return " ".join(f"{name}={value}" for name, value in values.items())


def more(rows: int, shown: int) -> list[str]:
    """What ends a list that isn't told to its end."""
    return [f"  … and {rows - shown:,} more"] if rows > shown else []
