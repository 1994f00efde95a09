"""Many dates at once: in the calendar or not, as Python's own says of each."""

from datetime import date, timedelta

import pytest

from crossfade.transfer.kinds import almanac

FIRST = date(1895, 1, 1)
EVERY_DAY = [(FIRST + timedelta(days)).isoformat() for days in range((date(2105, 1, 1) - FIRST).days)]
"""With 1900 and 2100, which were and will be no leap years, and 2000, which was one."""


def joined(texts):
    return "".join(texts).encode()


def test_every_day_of_two_centuries_is_in_the_calendar():
    assert almanac.days(joined(EVERY_DAY), len(EVERY_DAY))
    assert almanac.instants(joined(f"{day} 23:59:59.999999" for day in EVERY_DAY), len(EVERY_DAY))


@pytest.mark.parametrize(
    "day",
    ["1900-02-29", "2023-02-29", "2100-02-29", "2024-02-30", "2024-04-31", "2024-13-01", "2024-00-10", "2024-01-00"],
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_one_day_that_never_was_is_noticed_wherever_it_is(day, at):
    days = ["2024-02-29", "1996-02-29"]
    days.insert(at, day)

    assert not almanac.days(joined(days), len(days))
    assert not almanac.instants(joined(f"{one} 00:00:00.000000" for one in days), len(days))


@pytest.mark.parametrize("time", ["24:00:00.000000", "00:60:00.000000", "00:00:60.000000", "00:00:00,000000"])
def test_a_time_that_no_clock_shows_is_noticed(time):
    assert not almanac.instants(f"2024-02-29 {time}".encode(), 1)
