"""Whether many dates and instants at once are in the calendar and in their canonical form, without a look at each.

All of them are one string of bytes here, so that a field of all is a slice of it: a few operations of C, whatever the
number. What isn't canonical may still be an instant; that is left to whoever asks.
"""

from calendar import isleap, monthrange
from collections.abc import Iterator
from typing import Final

_SHAPE: Final = bytes.maketrans(b"123456789", b"0" * 9)
_DAY: Final = b"0000-00-00"
_INSTANT: Final = b"0000-00-00 00:00:00.000000"
_TENS: Final = bytes.maketrans(b"0123456789", bytes(range(0, 100, 10)))
_UNITS: Final = bytes.maketrans(b"0123456789", bytes(range(10)))
_SHORTEST: Final = 28
_LATE: Final = bytes(16 * max(0, day - _SHORTEST) for day in range(32)) + bytes(224)
"""A day's place after the 28th, beside which a month has room in a byte."""
_ALWAYS: Final = bytes(
    month + 16 * (day - _SHORTEST) for month in range(1, 13) for day in range(28, monthrange(2001, month)[1] + 1)
)
"""Every month, with the days after the 28th that it has in every year."""
_LEAP_DAY: Final = bytes([2 + 16])
_MONTHS: Final = bytes(range(1, 13))
_DAYS: Final = bytes(range(1, 32))
_HOURS: Final = bytes(range(24))
_MINUTES: Final = bytes(range(60))


def days(joined: bytes, count: int) -> bool:
    """Whether these are so many days, each `2026-11-21`. A year before 100 is too hard."""
    return joined.translate(_SHAPE) == _DAY * count and _in_calendar(joined, len(_DAY))


def instants(joined: bytes, count: int) -> bool:
    """Whether these are so many instants, each `2026-11-21 09:30:00.000000`, with the days that `days` takes."""
    width = len(_INSTANT)
    return (
        joined.translate(_SHAPE) == _INSTANT * count
        and _in_calendar(joined, width)
        and _all(_field(joined, 11, width), _HOURS)
        and _all(_field(joined, 14, width), _MINUTES)
        and _all(_field(joined, 17, width), _MINUTES)
    )


def _in_calendar(joined: bytes, width: int) -> bool:
    month, day = _field(joined, 5, width), _field(joined, 8, width)
    if 0 in _field(joined, 0, width) or not _all(month, _MONTHS) or not _all(day, _DAYS):
        return False
    numbered = _sum(month, day.translate(_LATE))
    odd = numbered.translate(None, _ALWAYS)
    # Every fourth year has a day more: these are looked at one by one, being few.
    return _all(odd, _LEAP_DAY) and (not odd or all(map(isleap, _years(joined, numbered, width))))


def _years(joined: bytes, numbered: bytes, width: int) -> Iterator[int]:
    """The years of those that are a 29th of February."""
    at = numbered.find(_LEAP_DAY)
    while at >= 0:
        yield int(joined[at * width : at * width + 4])
        at = numbered.find(_LEAP_DAY, at + 1)


def _all(numbers: bytes, allowed: bytes) -> bool:
    return not numbers.translate(None, allowed)


def _field(joined: bytes, at: int, width: int) -> bytes:
    """The numbers of two digits there, one byte for each."""
    return _sum(joined[at::width].translate(_TENS), joined[at + 1 :: width].translate(_UNITS))


def _sum(one: bytes, other: bytes) -> bytes:
    # Added as one big number: no byte's sum comes near the next byte.
    return (int.from_bytes(one, "big") + int.from_bytes(other, "big")).to_bytes(len(one), "big")
