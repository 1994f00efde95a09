"""A CSV file as rows of a job's fields: what is a header, which lines and columns count, what stands where.

Pure: bytes in, text out. What a cell may hold is left to those who read the rows.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cronjobs.services.errors import InvalidError

MOST_ROWS = 1000
"""Rows that hold something: they are created in one transaction, in which nobody else can write to SQLite."""

ALIASES: Mapping[str, tuple[str, ...]] = {
    "name": ("job name", "name"),
    "cron_expression": ("cron schedule (jst)", "cron expression", "cron", "cron_expression"),
    "is_active": ("status", "is_active", "active"),
    "target_url": ("target url", "target_url", "url"),
    "github_owner": ("github owner", "owner", "github_owner"),
    "github_repo": ("repo", "github repo", "github_repo"),
    "github_workflow_name": ("workflow name", "github workflow name", "github_workflow_name"),
    "category": ("category", "job category", "job_category"),
    "end_date": ("end date", "end_date"),
    "pic_team": ("pic team", "pic_team", "pic team slug", "pic_team_slug"),
    "branch": ("branch", "ref"),
    "metadata": ("request body", "request_body", "metadata"),
}
"""The headers of each field, in any case."""

_FIELDS = {header: field for field, headers in ALIASES.items() for header in headers}


@dataclass(frozen=True)
class Row:
    """A record that holds something."""

    line: int
    """The physical line of the file on which it starts, from 1: quoted cells may hold line breaks."""
    cells: Mapping[str, str]
    """Trimmed text by the name of its field; blank cells and columns that nobody knows are left out."""


@dataclass(frozen=True)
class Stats:
    """What the file had, and what of it was dropped. The header is no row."""

    original_column_count: int
    original_row_count: int
    removed_column_count: int
    removed_empty_row_count: int


@dataclass(frozen=True)
class Sheet:
    """A file that could be read."""

    stats: Stats
    rows: list[Row]


def read(content: bytes) -> Sheet:
    """The rows of a CSV file in UTF-8, with or without a byte-order mark. Raises InvalidError if it is none.

    The first record that holds something is the header. A column counts if it has a header; a row is empty if it holds
    nothing in such columns. Of two columns for one field, the first that is filled in counts.
    """
    records = _records(_text(content))
    header = next((cells for _, cells in records if _holds(cells)), None)
    if header is None:
        raise _unreadable("it holds nothing")
    fields = [_FIELDS.get(" ".join(title.casefold().split())) for title in header]
    if not any(fields):
        raise _unreadable("its first line names no known column; name them like: name, cron, end date, pic team, url")
    counted = [bool(title.strip()) for title in header]
    rows: list[Row] = []
    total, width = 0, len(header)
    for line, cells in records:
        total += 1
        width = max(width, len(cells))
        if any(cell.strip() for cell, counts in zip(cells, counted, strict=False) if counts):
            rows.append(Row(line, _named(fields, cells)))
            if len(rows) > MOST_ROWS:
                raise InvalidError(f"The file has more than {MOST_ROWS} rows. Split it.", error="Too many rows")
    return Sheet(Stats(width, total, width - sum(counted), total - len(rows)), rows)


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(f"byte {error.start + 1} is not UTF-8; save it as CSV UTF-8") from error
    if "\x00" in text:
        raise _unreadable("it contains the character U+0000; save it as CSV UTF-8")
    return text


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the physical line on which it starts."""
    # Without newline="" the line breaks inside of quotes would be translated.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _unreadable(f"the record that starts on line {line} is malformed: {error}") from error
        yield line, cells


def _named(fields: list[str | None], cells: list[str]) -> dict[str, str]:
    named: dict[str, str] = {}
    for field, cell in zip(fields, cells, strict=False):
        text = cell.strip()
        if field is not None and text:
            named.setdefault(field, text)
    return named


def _holds(cells: list[str]) -> bool:
    return any(cell.strip() for cell in cells)


def _unreadable(reason: str) -> InvalidError:
    return InvalidError(f"The file can't be read as CSV: {reason}.", error="Invalid CSV")
