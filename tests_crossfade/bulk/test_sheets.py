"""The CSV reader: whatever a spreadsheet writes is read back, each row on its line, and nothing else is accepted."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronjobs.services import sheets
from cronjobs.services.errors import InvalidError

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\ufeff"), max_size=12)
TITLES = st.lists(st.sampled_from(["name", "Cron", "URL", "notes", ""]), min_size=1, max_size=5)


def written(records: list[list[str]], line_end: str) -> str:
    text = io.StringIO(newline="")
    # Python's writer, unlike spreadsheets, leaves a lone carriage return without quotes when it is not the line's end.
    csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(records)
    return text.getvalue()


@given(titles=TITLES, rows=st.lists(st.lists(TEXT, max_size=6), max_size=6), line_end=st.sampled_from(["\n", "\r\n"]))
def test_what_a_spreadsheet_writes_is_read_back(titles: list[str], rows: list[list[str]], line_end: str) -> None:
    titles = ["name", *titles]
    content = written([titles, *rows], line_end)

    sheet = sheets.read(content.encode("utf-8-sig"))

    width = max(map(len, [titles, *rows]))
    counted = [bool(title) for title in titles]
    kept = [
        cells for cells in rows if any(cell.strip() for cell, counts in zip(cells, counted, strict=False) if counts)
    ]
    assert [row.cells.get("name", "") for row in sheet.rows] == [first_name(titles, cells) for cells in kept]
    assert sheet.stats == sheets.Stats(width, len(rows), width - sum(counted), len(rows) - len(kept))


def first_name(titles: list[str], cells: list[str]) -> str:
    filled = (cell.strip() for title, cell in zip(titles, cells, strict=False) if title == "name" and cell.strip())
    return next(filled, "")


@given(rows=st.lists(TEXT.filter(str.strip), max_size=6), line_end=st.sampled_from(["\n", "\r\n", "\r"]))
def test_a_row_is_named_by_the_line_on_which_it_starts(rows: list[str], line_end: str) -> None:
    content = written([["name"], *([cell] for cell in rows)], line_end)

    found = sheets.read(content.encode()).rows

    lines = io.StringIO(content, newline=None).read().split("\n")
    for row, cell in zip(found, rows, strict=True):
        first_line = io.StringIO(cell, newline=None).read().split("\n")[0]
        quoted = first_line.replace('"', '""')
        assert lines[row.line - 1].rstrip('"').lstrip('"') == quoted.rstrip('"').lstrip('"')


@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        sheet = sheets.read(content)
    except InvalidError as error:
        assert error.error == "Invalid CSV"  # noqa: PT017 - either way is right
    else:
        assert sheet.stats.original_row_count == len(sheet.rows) + sheet.stats.removed_empty_row_count


def test_quoted_line_breaks_and_lines_before_the_header_count() -> None:
    sheet = sheets.read(b'\r\n\r\nname,"request\r\nbody"\r\n"a\nb\r\nc",1\r\n\r\nd,2\r\n')

    assert [(row.line, row.cells) for row in sheet.rows] == [
        (5, {"name": "a\nb\r\nc", "metadata": "1"}),
        (9, {"name": "d", "metadata": "2"}),
    ]


def test_of_two_columns_for_one_field_the_first_that_is_filled_in_counts() -> None:
    sheet = sheets.read(b"pic team,PIC_TEAM_SLUG,name\n,slug,a\nName,slug,b\n")

    assert [row.cells["pic_team"] for row in sheet.rows] == ["slug", "Name"]


def test_rows_are_bounded_and_empty_ones_do_not_count() -> None:
    full = "name\n" + "x\n\n" * sheets.MOST_ROWS

    assert len(sheets.read(full.encode()).rows) == sheets.MOST_ROWS
    with pytest.raises(InvalidError, match="more than 1000 rows"):
        sheets.read((full + "x").encode())
