"""Ten years of clocks that are put forward and back: cronsim, APScheduler, and Debian's cron as its source has it.

Where they don't agree, what holds here is pinned down:

- where clocks change by half an hour, cronsim loses runs of schedules with a star: there Debian's cron alone is right;
- several wall times of one schedule that fall into one gap are one run after it (Debian's cron runs one for each);
- asked from within a repeated hour, what is next is later, never the first of the two again (cronsim steps back);
- the legacy dialect keeps what APScheduler does: a time in the gap is run an hour later, one in the repeat twice.
"""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger
from cronsim import CronSim
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cronjobs.services import cron
from cronjobs.services.errors import InvalidCronError
from cronjobs.services.ledger import walks
from cronjobs.services.schedules import Schedule

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo"]
YEARS = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC))
NEAR = timedelta(hours=5)
MINUTE = timedelta(minutes=1)

FIXED = """
30 2 * * *
15,45 1 * * *
0,30 1-3 * * *
0 3 * * *
5 2 * * 0
0 2 1-7 4,10 *
10-50/20 2 * * 6,7
"""
INTERVAL = """
* * * * *
*/20 * * * *
45 * * * *
30 */2 * * *
*/15 2 * * *
*/10 1-2 * * SUN
"""
CORPUS = [*FIXED.strip().splitlines(), *INTERVAL.strip().splitlines()]


@cache
def changes(zone):
    """When the clocks of a zone change within the ten years; of a zone in which they don't, two moments like others."""
    place, found = ZoneInfo(zone), []
    low = YEARS[0]
    while low < YEARS[1]:
        high = low + timedelta(days=1)
        offset = low.astimezone(place).utcoffset()
        if high.astimezone(place).utcoffset() != offset:
            left, right = low, high
            while right - left > MINUTE:
                middle = left + (right - left) / 2
                left, right = (middle, right) if middle.astimezone(place).utcoffset() == offset else (left, middle)
            found.append(right.replace(second=0, microsecond=0))
        low = high
    return tuple(found) or (YEARS[0] + timedelta(days=90), YEARS[0] + timedelta(days=300))


CHANGES = [(zone, change) for zone in ZONES for change in changes(zone)]


def test_the_zones_are_what_they_are_here_for():
    assert {zone: len(changes(zone)) for zone in ZONES} == dict.fromkeys(ZONES[:3], 20) | {"Asia/Tokyo": 2}


def ours(expression, dialect, zone, first, until):
    ticks = Schedule(expression, dialect, ZoneInfo(zone)).ticks(after=first - timedelta(microseconds=1))
    return list(takewhile(lambda tick: tick <= until, ticks))


def is_wild(expression):
    """Whether Debian's cron takes it for one that runs whenever the clock says so."""
    return any(field.startswith("*") for field in expression.split()[:2])


def is_judged_by_cronsim(expression, zone):
    return not (is_wild(expression) and zone == "Australia/Lord_Howe")


def by_cronsim(expression, zone, first, until):
    """One walk that begins a day earlier, each instant once."""
    steps = CronSim(expression, (first - timedelta(days=1)).astimezone(ZoneInfo(zone)))
    walked = takewhile(lambda step: step <= until, (step.astimezone(UTC) for step in steps))
    return sorted({step for step in walked if step >= first})


def by_apscheduler(expression, zone, first, until):
    """As APScheduler's own scheduler asks, from one run to the next."""
    trigger = CronTrigger.from_crontab(expression, timezone=ZoneInfo(zone))
    found, fire = [], trigger.get_next_fire_time(None, first)
    while fire is not None and fire.astimezone(UTC) <= until:
        instant = fire.astimezone(UTC)
        found.append(instant)
        fire = trigger.get_next_fire_time(fire, instant + timedelta(microseconds=1))
    return sorted({tick for tick in found if tick >= first})


def by_debian(expression, zone, first, until):
    """The loop of Debian's cron (cron.c, 3.0pl1), a minute at a time: `virtual` is the minute that it has come to.

    What is put forward by more than five minutes and at most three hours: fixed jobs of the minutes in between are run
    at once, those with a star only as the clock says. What is put back by less than three hours: only those with a star
    are run, until the clock has come to where it was.
    """
    place, reading = ZoneInfo(zone), cron.parse(expression, "standard")

    def wall(instant):
        return instant.astimezone(place).replace(tzinfo=None)

    def has(minute):
        matches = minute.minute in reading.minutes and minute.hour in reading.hours and minute.month in reading.months
        return matches and reading.has(minute.date())

    found, now = [], first - timedelta(hours=12)
    virtual = wall(now - MINUTE)
    while now <= until:
        clock, ahead = wall(now), (wall(now) - virtual) // MINUTE
        if ahead == 1:
            virtual, due = clock, has(clock)
        elif -180 < ahead <= 0:
            due = is_wild(expression) and has(clock)
        elif ahead <= 180:
            between = [virtual + number * MINUTE for number in range(1, ahead + 1)]
            virtual, due = clock, has(clock) if is_wild(expression) else any(map(has, between))
        if due and now >= first:
            found.append(now)
        now += MINUTE
    return found


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("expression", CORPUS)
def test_around_each_change_the_standard_dialect_runs_as_cronsim_and_debian_do(expression, zone):
    for change in changes(zone):
        span = (change - NEAR, change + NEAR)

        if is_judged_by_cronsim(expression, zone):
            assert ours(expression, "standard", zone, *span) == by_cronsim(expression, zone, *span)
    # The model takes a minute for each minute: of ten years alike, one is enough.
    for change in changes(zone)[:2]:
        span = (change - NEAR, change + NEAR)
        assert ours(expression, "standard", zone, *span) == by_debian(expression, zone, *span)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("expression", CORPUS)
def test_around_each_change_the_legacy_dialect_runs_as_apscheduler_does(expression, zone):
    expression = expression.replace("6,7", "5,6")  # it knows no 7
    for change in changes(zone)[:6]:
        span = (change - NEAR, change + NEAR)
        assert ours(expression, "apscheduler", zone, *span) == by_apscheduler(expression, zone, *span)


@pytest.mark.parametrize("dialect", ["standard", "apscheduler"])
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("expression", ["*/20 * * * *", "45 */2 * * *", "30 2 * * *", "0,30 1-3 * * *", "0 0 1 1 *"])
def test_the_ledger_reckons_the_same_in_its_own_way(expression, zone, dialect):
    for change in changes(zone)[:4]:
        for hours in (-3, -1, 0, 1):
            span = (change + timedelta(hours=hours, minutes=10), change + timedelta(hours=30))
            assert list(walks.ticks(expression, dialect, ZoneInfo(zone), first=span[0], until=span[1])) == ours(
                expression, dialect, zone, *span
            )


@pytest.mark.parametrize("dialect", ["standard", "apscheduler"])
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("expression", ["30 2 * * *", "0 9 * * 1-5", "15 1 1,15 * *", "0 3 29 2 *"])
def test_ten_years_are_the_same_walked_through_and_asked_one_by_one(expression, zone, dialect):
    walk = by_cronsim if dialect == "standard" else by_apscheduler
    walked = walk(expression, zone, *YEARS)
    schedule = Schedule(expression, dialect, ZoneInfo(zone))

    assert ours(expression, dialect, zone, *YEARS) == walked
    for change in changes(zone):
        for minutes in range(-200, 200, 25):
            after = change + minutes * MINUTE
            later = walked[bisect_right(walked, after) :]
            assert not later or schedule.next_run(after=after) == later[0]


@pytest.mark.parametrize(
    ("zone", "expression", "fires"),
    [
        # Europe/Berlin, 28 March 2027: 02:00 becomes 03:00.
        ("Europe/Berlin", "30 2 28 3 *", ["03-28 03:00"]),
        ("Europe/Berlin", "0,15,45 2 28 3 *", ["03-28 03:00"]),
        ("Europe/Berlin", "30 2,3 28 3 *", ["03-28 03:00", "03-28 03:30"]),
        ("Europe/Berlin", "*/30 2 28 3 *", []),
        ("Europe/Berlin", "30 */12 28 3 *", ["03-28 00:30", "03-28 12:30"]),
        ("Europe/Berlin", "30 */2 28 3 *", [f"03-28 {hour:02}:30" for hour in range(0, 24, 2) if hour != 2]),
        # and 31 October 2027: 03:00 becomes 02:00.
        ("Europe/Berlin", "30 2 31 10 *", ["10-31 02:30"]),
        ("Europe/Berlin", "*/30 2 31 10 *", ["10-31 02:00", "10-31 02:30", "10-31 02:00", "10-31 02:30"]),
        # Lord Howe, 3 October 2027: 02:00 becomes 02:30; and 4 April 2027: 02:00 becomes 01:30.
        ("Australia/Lord_Howe", "15 2 3 10 *", ["10-03 02:30"]),
        ("Australia/Lord_Howe", "15,45 2 3 10 *", ["10-03 02:30", "10-03 02:45"]),
        ("Australia/Lord_Howe", "45 1 4 4 *", ["04-04 01:45"]),
        ("Australia/Lord_Howe", "45 * 4 4 *", None),
    ],
)
def test_what_a_change_means_is_pinned_down(zone, expression, fires):
    place, year = ZoneInfo(zone), datetime(2027, 1, 1, tzinfo=UTC)
    runs = ours(expression, "standard", zone, year, year + timedelta(days=364))

    if fires is None:
        # Each hour of a day of 24 and a half, in which 01:45 comes twice.
        assert len(runs) == 25
    else:
        assert [f"{run.astimezone(place):%m-%d %H:%M}" for run in runs] == fires


def _field(low, high):
    number = st.integers(low, high)
    atom = st.one_of(
        number.map(str),
        st.tuples(number, number).map(sorted).map(lambda two: f"{two[0]}-{two[1]}"),
        st.integers(1, high).map(lambda step: f"*/{step}"),
    )
    return st.one_of(st.just("*"), st.lists(atom, min_size=1, max_size=2).map(",".join))


EXPRESSIONS = st.tuples(
    _field(0, 59),
    st.sampled_from(["*", "1", "2", "1-3", "*/2", "0,2", "23"]),
    _field(1, 31),
    st.just("*"),
    _field(0, 6),
).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(EXPRESSIONS, st.sampled_from(CHANGES))
@example("59 1 * * *", ("America/New_York", changes("America/New_York")[1]))
def test_whatever_the_expression_each_dialect_agrees_with_its_oracles(expression, where):
    zone, change = where
    span = (change - NEAR, change + NEAR)
    try:
        cron.parse(expression, "standard")
        cron.parse(expression, "apscheduler")
    except InvalidCronError:
        return

    found = ours(expression, "standard", zone, *span)

    assert found == by_debian(expression, zone, *span)
    assert found == by_cronsim(expression, zone, *span) or not is_judged_by_cronsim(expression, zone)
    assert ours(expression, "apscheduler", zone, *span) == by_apscheduler(expression, zone, *span)


def test_asked_within_the_repeat_what_is_next_is_later():
    for zone, change in CHANGES:
        schedule = Schedule("30 1,2 * * *", "standard", ZoneInfo(zone))
        for minutes in range(-90, 91, 15):
            after = change + minutes * MINUTE
            runs = list(islice(schedule.ticks(after=after), 3))
            assert after < runs[0] < runs[1] < runs[2]
