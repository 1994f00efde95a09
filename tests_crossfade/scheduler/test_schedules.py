"""When jobs are due: their own zone, first and last day, and counts that don't walk."""

from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cronjobs.models import Job
from cronjobs.services import schedules
from cronjobs.services.errors import InvalidCronError, InvalidScheduleError, InvalidZoneError
from cronjobs.services.schedules import Schedule

TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")
SATURDAY = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)


def job(**fields):
    return Job(**({"cron_expression": "0 9 * * *", "cron_dialect": "standard"} | fields))


def local(schedule, *, after=SATURDAY, count=9):
    return [f"{run.astimezone(schedule.zone):%m-%d %H:%M}" for run in schedule.next_runs(after=after, count=count)]


def test_a_job_without_a_zone_has_the_installation_s():
    assert schedules.of(job(), zone=TOKYO) == Schedule("0 9 * * *", "standard", TOKYO)


def test_a_job_s_own_zone_comes_first():
    schedule = schedules.of(job(timezone="Europe/Berlin"), zone=TOKYO)

    assert schedule.next_run(after=SATURDAY) == datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "../etc/passwd", "America", "localtime", "right/UTC", "x" * 300, "\0"]
)
def test_a_zone_that_nobody_knows_is_refused_by_name(name):
    with pytest.raises(InvalidZoneError, match="is no IANA time zone: write one like Asia/Tokyo or UTC"):
        schedules.of(job(timezone=name), zone=TOKYO)


def test_whatever_keeps_a_job_from_being_planned_is_one_kind_of_error():
    with pytest.raises(InvalidScheduleError):
        schedules.of(job(timezone="Nowhere"), zone=TOKYO)
    with pytest.raises(InvalidScheduleError):
        schedules.of(job(cron_expression="no"), zone=TOKYO).next_run(after=SATURDAY)


def test_first_and_last_day_are_days_of_the_job_s_zone():
    days = {"start_date": date(2026, 11, 23), "end_date": date(2026, 11, 24)}

    # 00:30 in Tokyo is the day before in UTC, 23:30 isn't.
    assert local(Schedule("30 0,23 * * *", "standard", TOKYO, **days)) == [
        "11-23 00:30",
        "11-23 23:30",
        "11-24 00:30",
        "11-24 23:30",
    ]


def test_the_first_minute_of_the_first_day_is_a_tick():
    schedule = Schedule("* * * * *", "standard", BERLIN, start_date=date(2026, 11, 23))

    assert local(schedule, count=2) == ["11-23 00:00", "11-23 00:01"]


def test_a_first_day_that_is_over_changes_nothing():
    assert local(Schedule("0 9 * * *", "standard", TOKYO, date(2020, 1, 1)), count=1) == ["11-22 09:00"]


@pytest.mark.parametrize("zone", [TOKYO, ZoneInfo("UTC"), ZoneInfo("America/Los_Angeles")])
def test_the_first_and_the_last_day_of_the_calendar_change_nothing(zone):
    bounded = Schedule("0 9 * * *", "standard", zone, date.min, date.max)
    unbounded = Schedule("0 9 * * *", "standard", zone)
    week = {"first": SATURDAY, "until": SATURDAY + timedelta(days=7)}

    assert local(bounded) == local(unbounded)
    assert bounded.count(**week) == unbounded.count(**week)
    assert bounded.latest_run(**week) == unbounded.latest_run(**week)


def test_a_job_whose_last_day_is_over_has_no_run():
    schedule = Schedule("0 9 * * *", "standard", TOKYO, end_date=date(2026, 11, 20))

    assert schedule.next_run(after=SATURDAY) is None
    assert schedule.has_ended(SATURDAY)
    assert not schedule.has_ended(SATURDAY - timedelta(hours=10))  # 23:00 on the 20th


def test_a_job_whose_last_day_is_before_its_first_never_runs():
    schedule = Schedule("0 9 * * *", "standard", TOKYO, date(2027, 1, 2), date(2027, 1, 1))

    assert schedule.next_run(after=SATURDAY) is None
    assert schedule.count(first=SATURDAY, until=SATURDAY + timedelta(days=90)) == 0


def test_the_latest_run_of_a_long_outage_is_found_within_the_first_and_the_last_day():
    schedule = Schedule("* * * * *", "standard", TOKYO, date(2026, 1, 1), date(2026, 11, 1))

    latest = schedule.latest_run(first=datetime(2025, 1, 1, tzinfo=UTC), until=SATURDAY)

    assert latest == datetime(2026, 11, 1, 14, 59, tzinfo=UTC)
    assert schedule.latest_run(first=datetime(2026, 11, 2, tzinfo=UTC), until=SATURDAY) is None


def test_an_outage_of_ten_years_is_counted_at_once():
    schedule = Schedule("* * * * *", "standard", TOKYO)
    first = datetime(2016, 1, 1, tzinfo=UTC)

    assert schedule.count(first=first, until=first + timedelta(days=3653)) == 3653 * 1440 + 1


EXPRESSIONS = ["* * * * *", "*/7 * * * *", "30 0-3 * * *", "*/15 2 * * *", "0 9 13 * 5", "59 23 * * *", "0 0 29 2 *"]
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Asia/Beirut", "Asia/Tokyo"]


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(EXPRESSIONS),
    st.sampled_from(["standard", "apscheduler"]),
    st.sampled_from(ZONES),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.floats(0, 12),
    st.none() | st.integers(-3, 15),
    st.none() | st.integers(-3, 15),
)
@example("30 0-3 * * *", "standard", "Asia/Beirut", datetime(2026, 10, 20, tzinfo=UTC), 9, None, None)
@example("*/15 2 * * *", "standard", "Australia/Lord_Howe", datetime(2026, 9, 30, tzinfo=UTC), 9, 2, 6)
def test_count_and_latest_say_what_a_walk_says(expression, dialect, zone, first, days, begins, ends):
    place = ZoneInfo(zone)
    start, end = (
        None if each is None else first.astimezone(place).date() + timedelta(days=each) for each in (begins, ends)
    )
    schedule = Schedule(expression, dialect, place, start, end)
    until = first + timedelta(days=days)

    walked = list(takewhile(lambda tick: tick <= until, schedule.ticks(after=first - timedelta(microseconds=1))))

    assert schedule.count(first=first, until=until) == len(walked)
    assert schedule.latest_run(first=first, until=until) == (walked[-1] if walked else None)
    assert not any(schedule.has_ended(tick) for tick in walked)


def test_an_expression_is_read_when_something_is_asked():
    schedule = schedules.of(job(cron_expression="every morning"), zone=TOKYO)

    for question in (
        lambda: schedule.next_run(after=SATURDAY),
        lambda: schedule.count(first=SATURDAY, until=SATURDAY),
        lambda: schedule.latest_run(first=SATURDAY, until=SATURDAY),
    ):
        with pytest.raises(InvalidCronError):
            question()
