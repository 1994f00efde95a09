"""Moments and spans: instants, dates, times of day, intervals."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar, Final, TypeVar

from typing_extensions import override

from crossfade.transfer.kinds import almanac
from crossfade.transfer.kinds.meaning import EngineName, Fault, Kind
from crossfade.transfer.kinds.storage import bad, is_bad, read, through

Read = TypeVar("Read")

_MICROSECONDS: Final = 6
_CANONICAL: Final = "????-??-?? ??:??:??." + 6 * "[0-9]"
"""Whatever fits this and can be read as an instant, is one in canonical text."""
_FINER: Final = re.compile(r"[.,]\d{6}\d*[1-9]")
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - naive, as SQLAlchemy stores intervals on SQLite


@dataclass(frozen=True)
class Instant(Kind):
    """A date with a time of day: `2026-11-21 09:30:00.000000`; an aware one is in UTC, on SQLite without its offset.

    What SQLite has as text means what `datetime.fromisoformat` reads from it. A naive column can't take an offset;
    in an aware one the text of SQLite is converted where it has an offset, and is in UTC where it has none.
    """

    aware: bool
    digits: int = 6
    """Of a second's fraction, that PostgreSQL's column takes."""
    name: ClassVar[str] = "instant"

    @override
    def text(self, column: str, engine: EngineName) -> str:
        if engine == "sqlite":
            return f"CASE WHEN {column} GLOB '{_CANONICAL}' THEN {column} ELSE {self._read(column)} END"
        plain = f"({column} AT TIME ZONE 'UTC')" if self.aware else column
        # Half the cost of to_char(), and infinity is something.
        return f"rpad({plain}::text || CASE WHEN {plain} = date_trunc('second', {plain}) THEN '.' ELSE '' END, 26, '0')"

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        if engine == "sqlite":
            return given
        return f"(CAST({given} AS TIMESTAMP) AT TIME ZONE 'UTC')" if self.aware else f"CAST({given} AS TIMESTAMP)"

    @override
    def unfit_for_postgresql(self, column: str) -> Sequence[Fault]:
        wanted = "" if self.aware else " without offset"
        read = self._read(column)
        wrong = Fault(is_bad(read), f"isn't an instant{wanted} in microseconds")
        return wrong, *_too_fine(read, self.digits, len("2026-11-21 09:30:00."))

    @override
    def unfit_for_sqlite(self, column: str) -> Sequence[Fault]:
        return _out_of_calendar(column, "timestamptz" if self.aware else "timestamp")

    @override
    def plain(self, values: Sequence[Any]) -> bool:
        return self.digits == _MICROSECONDS and almanac.instants("".join(values).encode("ascii"), len(values))

    def _read(self, column: str) -> str:
        return through(f"crossfade_instant({{}}, {int(self.aware)})", column, "text")


@dataclass(frozen=True)
class Date(Kind):
    """A day: `2026-11-21`."""

    name: ClassVar[str] = "date"

    @override
    def text(self, column: str, engine: EngineName) -> str:
        return through("crossfade_date({})", column, "text") if engine == "sqlite" else f"{column}::text"

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        return given if engine == "sqlite" else f"CAST({given} AS DATE)"

    @override
    def unfit_for_postgresql(self, column: str) -> Sequence[Fault]:
        return (Fault(is_bad(self.text(column, "sqlite")), "isn't a date"),)

    @override
    def unfit_for_sqlite(self, column: str) -> Sequence[Fault]:
        return _out_of_calendar(column, "date")

    @override
    def plain(self, values: Sequence[Any]) -> bool:
        return almanac.days("".join(values).encode("ascii"), len(values))


@dataclass(frozen=True)
class Time(Kind):
    """A time of day: `09:30:00.000000`. An aware one is carried in UTC alone, as SQLite keeps no offset."""

    aware: bool
    digits: int = 6
    """Of a second's fraction, that PostgreSQL's column takes."""
    name: ClassVar[str] = "time"

    @override
    def text(self, column: str, engine: EngineName) -> str:
        if engine == "sqlite":
            return through("crossfade_time({})", column, "text")
        plain = f"to_char({column}::time, 'HH24:MI:SS.US')"
        return f"({plain} || coalesce(nullif(extract(timezone FROM {column})::text, '0'), ''))" if self.aware else plain

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        if engine == "sqlite":
            return given
        return f"CAST({given} || '+00' AS TIMETZ)" if self.aware else f"CAST({given} AS TIME)"

    @override
    def unfit_for_postgresql(self, column: str) -> Sequence[Fault]:
        read = self.text(column, "sqlite")
        wrong = Fault(is_bad(read), "isn't a time of day without offset in microseconds")
        return wrong, *_too_fine(read, self.digits, len("09:30:00."))

    @override
    def unfit_for_sqlite(self, column: str) -> Sequence[Fault]:
        late = Fault(f"coalesce({column}::time = '24:00', false)", "is 24:00, which Python's times don't know")
        shifted = Fault(f"coalesce(extract(timezone FROM {column}) <> 0, false)", "has an offset, which SQLite drops")
        return (late, shifted) if self.aware else (late,)


@dataclass(frozen=True)
class Interval(Kind):
    """A span: `3 days 61.000000 seconds`. SQLite has it as 1970-01-01 plus the span, as SQLAlchemy stores it."""

    digits: int = 6
    """Of a second's fraction, that PostgreSQL's column takes."""
    name: ClassVar[str] = "interval"

    @override
    def text(self, column: str, engine: EngineName) -> str:
        if engine == "sqlite":
            return through("crossfade_interval({})", column, "text")
        seconds = f"extract(epoch FROM {column})"
        days = f"floor({seconds} / 86400)"
        text = f"{days}::bigint || ' days ' || round({seconds} - {days} * 86400, 6) || ' seconds'"
        return f"CASE WHEN {_months(column)} THEN {column}::text ELSE {text} END"

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        return f"crossfade_epoch({given})" if engine == "sqlite" else f"CAST({given} AS INTERVAL)"

    @override
    def unfit_for_postgresql(self, column: str) -> Sequence[Fault]:
        read = self.text(column, "sqlite")
        wrong = Fault(is_bad(read), "isn't an interval, as SQLAlchemy stores it")
        return wrong, *_too_fine(read, self.digits, -len("000000 seconds") - 1)

    @override
    def unfit_for_sqlite(self, column: str) -> Sequence[Fault]:
        seconds = f"extract(epoch FROM {column})"
        return (
            Fault(_months(column), "counts months, which have no length of their own"),
            Fault(
                f"coalesce(NOT {seconds} BETWEEN -62135596800 AND 253402300799.999999, false)",
                "is longer than SQLite's form of an interval can say",
            ),
        )


def _too_fine(text: str, digits: int, before: int) -> tuple[Fault, ...]:
    """Digits that PostgreSQL would round away; in the text they come after so many characters."""
    if digits >= _MICROSECONDS:
        return ()
    rest = f"substr({text}, {before + 1 + digits}, {_MICROSECONDS - digits})"
    fine = f"ifnull(ltrim({rest}, '0') <> '' AND NOT {is_bad(text)}, 0)"
    return (Fault(fine, f"has more than the {digits} digits after the second of the target's column"),)


def _months(column: str) -> str:
    return f"coalesce(extract(month FROM {column}) <> 0 OR extract(year FROM {column}) <> 0, false)"


def instant_text(stored: bytes, aware: int) -> str:
    """An instant as it was stored on SQLite, in canonical text."""
    said = _said(stored, datetime.fromisoformat)
    if said is None or (said.tzinfo is not None and not aware):
        return bad(stored)
    if said.tzinfo is not None:
        try:
            said = said.astimezone(UTC).replace(tzinfo=None)
        except OverflowError:
            return bad(stored)
    return said.isoformat(" ", "microseconds")


def date_text(stored: bytes) -> str:
    """A day as it was stored on SQLite, in canonical text."""
    said = _said(stored, date.fromisoformat)
    return bad(stored) if said is None else said.isoformat()


def time_text(stored: bytes) -> str:
    """A time of day as it was stored on SQLite, in canonical text."""
    said = _said(stored, time.fromisoformat)
    return bad(stored) if said is None or said.tzinfo is not None else said.isoformat("microseconds")


def interval_text(stored: bytes) -> str:
    """An interval as SQLAlchemy stores it on SQLite, in canonical text."""
    said = _said(stored, datetime.fromisoformat)
    if said is None or said.tzinfo is not None:
        return bad(stored)
    span = said - _EPOCH
    return f"{span.days} days {span.seconds}.{span.microseconds:06d} seconds"


def epoch(text: str | None) -> str | None:
    """What SQLAlchemy stores on SQLite for the interval of a canonical text."""
    if text is None:
        return None
    days, _, seconds, _ = text.split(" ")
    whole, _, fraction = seconds.partition(".")
    span = timedelta(days=int(days), seconds=int(whole), microseconds=int(fraction))
    return (_EPOCH + span).isoformat(" ", "microseconds")


def _said(stored: bytes, reader: Callable[[str], Read]) -> Read | None:
    try:
        text = read(stored)
        # Python drops the digits after the sixth: that would be a change.
        return None if _FINER.search(text) else reader(text)
    except ValueError:
        return None


def _out_of_calendar(column: str, type_: str) -> tuple[Fault, ...]:
    first, end = f"{type_} '0001-01-01'", f"{type_} '10000-01-01'"
    if type_ == "timestamptz":
        first, end = f"{type_} '0001-01-01 00:00+00'", f"{type_} '10000-01-01 00:00+00'"
    return (
        Fault(f"coalesce(NOT isfinite({column}), false)", "is infinite, which only PostgreSQL knows"),
        Fault(
            f"coalesce(isfinite({column}) AND NOT ({column} >= {first} AND {column} < {end}), false)",
            "is before the year 1 or after the year 9999",
        ),
    )
