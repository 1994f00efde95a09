"""What expressions mean in the two dialects, by the table that they were measured with, and by cronsim as the judge."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger
from cronsim import CronSim
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cronjobs.services import cron
from cronjobs.services.errors import InvalidCronError

TOKYO = ZoneInfo("Asia/Tokyo")
NEW_YORK = ZoneInfo("America/New_York")
# Changes by half an hour are for `test_clock_changes`: there the libraries are not always right.
ZONES = [TOKYO, NEW_YORK, ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")]
SATURDAY = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)


def local(expression, dialect, *, after=SATURDAY, zone=TOKYO, count=1, **options):
    runs = cron.next_runs(expression, dialect, after=after, zone=zone, count=count, **options)
    return [f"{run.astimezone(zone):%a %m-%d %H:%M}" for run in runs]


@pytest.mark.parametrize(
    ("expression", "standard", "apscheduler"),
    [
        ("0 9 * * 0", ["Sun 11-22 09:00", "Sun 11-29 09:00"], ["Mon 11-23 09:00", "Mon 11-30 09:00"]),
        ("0 9 * * 1-5", ["Mon 11-23 09:00", "Tue 11-24 09:00"], ["Tue 11-24 09:00", "Wed 11-25 09:00"]),
        ("0 9 * * 7", ["Sun 11-22 09:00", "Sun 11-29 09:00"], None),
        ("0 9 * * SUN", ["Sun 11-22 09:00", "Sun 11-29 09:00"], ["Sun 11-22 09:00", "Sun 11-29 09:00"]),
        ("0 9 13 * FRI", ["Fri 11-27 09:00", "Fri 12-04 09:00"], ["Fri 08-13 09:00", "Fri 10-13 09:00"]),
        ("0 9 * * MON#2", None, ["Mon 11-23 09:00", "Mon 11-30 09:00"]),
        ("0 17 */2 * 0", ["Sun 11-29 17:00", "Sun 12-13 17:00"], ["Mon 11-23 17:00", "Mon 12-07 17:00"]),
        ("0 0 L * *", None, None),
        ("5/20 * * * *", None, ["Sat 11-21 09:05", "Sat 11-21 09:25"]),
        ("0 0 last * *", None, ["Mon 11-30 00:00", "Thu 12-31 00:00"]),
        ("@daily", None, None),
        ("0 0 30 2 *", None, None),
    ],
)
def test_the_dialects_read_an_expression_as_their_engines_do(expression, standard, apscheduler):
    for dialect, expected in (("standard", standard), ("apscheduler", apscheduler)):
        if expected is None:
            with pytest.raises(InvalidCronError):
                cron.parse(expression, dialect)
        else:
            assert local(expression, dialect, count=2) == expected


NO_SCHEDULES = """
* * * *
* * * * * *
60 * * * *
* 24 * * *
* * 0 * *
* * * 13 *
a b c d e
*/0 * * * *
5-1 * * * *
1,,2 * * * *
@hourly
0 0 31 4 *
٣ * * * *
"""


@pytest.mark.parametrize(
    "expression",
    [
        *NO_SCHEDULES.strip().splitlines(),
        "",
        " ",
        "9" * 60 + " * * * *",
        "9" * 5000 + " * * * *",
        "* * * * *\x00",
        "0\x1c9\x1d*\x1e*\x1f*",
        "0\n9\n*\n*\n*",
    ],
)
@pytest.mark.parametrize("dialect", ["standard", "apscheduler"])
def test_what_is_no_schedule_is_refused(expression, dialect):
    with pytest.raises(InvalidCronError):
        cron.parse(expression, dialect)


def test_a_refusal_names_the_expression_and_the_fields():
    with pytest.raises(InvalidCronError, match=r"'\* \* \*' has 3 fields instead of 5: minute, hour, day of month"):
        cron.parse("* * *", "standard")


def test_an_unknown_dialect_is_refused():
    with pytest.raises(InvalidCronError, match="no cron dialect 'quartz'"):
        cron.parse("* * * * *", "quartz")


def test_an_expression_that_can_never_be_due_is_refused():
    with pytest.raises(InvalidCronError, match="never fires"):
        cron.parse("0 0 30 2 *", "apscheduler")


def test_blanks_and_letter_case_do_not_matter():
    assert local("  0\t9  * jan  mon ", "standard") == local("0 9 * JAN MON", "standard")


def test_a_tick_is_later_than_the_instant_asked_for():
    nine = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)

    for dialect in ("standard", "apscheduler"):
        assert cron.next_run("0 9 * * *", dialect, after=nine, zone=TOKYO) == nine + timedelta(days=1)
        assert cron.next_run("0 9 * * *", dialect, after=nine - timedelta(microseconds=1), zone=TOKYO) == nine


def test_the_end_date_is_the_last_day_in_the_scheduler_s_zone():
    # 23:30 in Tokyo on the 22nd is 14:30 UTC; 00:30 on the 23rd is still the 22nd in UTC.
    assert local("30 23 * * *", "standard", end_date=date(2026, 11, 22), count=9) == [
        "Sat 11-21 23:30",
        "Sun 11-22 23:30",
    ]
    assert local("30 0 * * *", "standard", end_date=date(2026, 11, 22), count=9) == ["Sun 11-22 00:30"]
    assert cron.next_run("0 9 * * *", "standard", after=SATURDAY, zone=TOKYO, end_date=date(2026, 11, 20)) is None


@pytest.mark.parametrize(
    ("expression", "dialect", "expected"),
    [
        # The night of 14 March 2027 has no 02:00 to 03:00 in New York.
        ("30 2 * * *", "standard", ["Sat 03-13 02:30", "Sun 03-14 03:00", "Mon 03-15 02:30"]),
        ("30 2 * * *", "apscheduler", ["Sat 03-13 02:30", "Sun 03-14 03:30", "Mon 03-15 02:30"]),
        ("15,30 2 * * *", "standard", ["Sat 03-13 02:15", "Sat 03-13 02:30", "Sun 03-14 03:00", "Mon 03-15 02:15"]),
    ],
)
def test_a_run_in_the_spring_gap_happens_once_after_it(expression, dialect, expected):
    after = datetime(2027, 3, 13, 5, 30, tzinfo=UTC)

    assert local(expression, dialect, after=after, zone=NEW_YORK, count=len(expected)) == expected


@pytest.mark.parametrize(("dialect", "times"), [("standard", 1), ("apscheduler", 2)])
def test_a_run_in_the_autumn_repeat_happens_as_often_as_its_dialect_says(dialect, times):
    midnight = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)  # 00:00 in New York, before the clocks go back at 02:00

    runs = cron.next_runs("30 1 * * *", dialect, after=midnight, zone=NEW_YORK, count=3)

    assert sum(run < midnight + timedelta(hours=12) for run in runs) == times


def test_asking_within_the_repeated_hour_never_leads_back():
    for minutes in range(0, 180, 7):
        moment = datetime(2026, 11, 1, 5, 0, tzinfo=UTC) + timedelta(minutes=minutes)
        for dialect in ("standard", "apscheduler"):
            for expression in ("30 1 * * *", "*/20 * * * *", "0 1-3 * * *", "45 * * * *"):
                assert cron.next_run(expression, dialect, after=moment, zone=NEW_YORK) > moment


@pytest.mark.parametrize(
    ("expression", "standard", "apscheduler"),
    [
        ("* * * * *", "Every minute", "Every minute"),
        ("0 9 * * *", "At 09:00 every day", "At 09:00 every day"),
        ("0 9 * * 1-5", "At 09:00 on Monday through Friday", "At 09:00 on Tuesday through Saturday"),
        ("0 9 * * */2", None, "At 09:00 on Monday, Wednesday, Friday, and Sunday"),
        (
            "0 9 13 * 5",
            "At 09:00 on the 13th day of month and on Friday",
            "At 09:00 on the 13th day of month if it's on Saturday",
        ),
        # APScheduler overlooks what follows a name.
        ("0 9 * * MON#2", None, "At 09:00 on Monday"),
        ("0 0 1 JAN-FEB/2 *", None, "At 00:00 on the first day of January and February"),
        ("0 0 1 JAN#7 *", None, "At 00:00 on January 1"),
    ],
)
def test_a_description_says_what_the_dialect_does(expression, standard, apscheduler):
    assert cron.describe(expression, "apscheduler") == apscheduler
    if standard is not None:
        assert cron.describe(expression, "standard") == standard


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("* * * * *", TOKYO),
        ("0 9 * * *", NEW_YORK),
        ("*/20 * * * *", NEW_YORK),
        ("30 1 * * *", TOKYO),
        ("0 0 29 2 *", TOKYO),
        ("0 9 * * MON-FRI", TOKYO),
        ("0 9 * * *", ZoneInfo("UTC")),
    ],
)
def test_where_the_dialects_agree_nothing_differs(expression, zone):
    assert cron.differs(expression, zone=zone, after=SATURDAY) is None


@pytest.mark.parametrize(
    ("expression", "zone", "at"),
    [
        ("0 9 * * 0", TOKYO, "Sun 2026-11-22 09:00"),
        ("0 9 13 * FRI", TOKYO, "Fri 2026-11-27 09:00"),
        ("0 17 */2 * 0", TOKYO, "Mon 2026-11-23 17:00"),
        ("0 0 1 JAN-FEB/2 *", TOKYO, "Mon 2027-02-01 00:00"),
        # Only where and when clocks are put back.
        ("30 1 * * *", NEW_YORK, "Sun 2027-11-07 01:30"),
    ],
)
def test_where_the_dialects_part_is_said(expression, zone, at):
    difference = cron.differs(expression, zone=zone, after=SATURDAY)

    assert f"{difference.at.astimezone(zone):%a %Y-%m-%d %H:%M}" == at
    ticks = [difference.standard, difference.apscheduler]
    assert ticks == [
        cron.next_run(expression, dialect, after=SATURDAY, zone=zone) for dialect in ("standard", "apscheduler")
    ]


def test_a_day_whose_time_is_over_is_not_where_they_part():
    after = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)  # a Monday, 12:00 in Tokyo

    difference = cron.differs("0 9 * * 1", zone=TOKYO, after=after)

    assert f"{difference.at.astimezone(TOKYO):%a %m-%d %H:%M}" == "Tue 11-24 09:00"


def test_an_expression_that_one_dialect_refuses_differs():
    difference = cron.differs("0 9 * * 7", zone=TOKYO, after=SATURDAY)

    assert "apscheduler refuses it" in difference.reason
    assert difference.standard is not None
    assert difference.apscheduler is None
    assert difference.at is None


def test_an_expression_that_both_refuse_is_no_difference():
    with pytest.raises(InvalidCronError):
        cron.differs("@daily", zone=TOKYO, after=SATURDAY)


def _field(low, high, *, names=()):
    number = st.integers(low, high)
    pair = st.tuples(number, number).map(sorted)
    atom = st.one_of(
        number.map(str),
        pair.map(lambda two: f"{two[0]}-{two[1]}"),
        st.integers(1, high).map(lambda step: f"*/{step}"),
        st.tuples(pair, st.integers(1, high)).map(lambda both: f"{both[0][0]}-{both[0][1]}/{both[1]}"),
        *([st.sampled_from(names)] if names else []),
    )
    return st.one_of(st.just("*"), st.lists(atom, min_size=1, max_size=3).map(",".join))


EXPRESSIONS = st.tuples(
    _field(0, 59),
    _field(0, 23),
    _field(1, 31),
    _field(1, 12, names=["JAN", "jul"]),
    _field(0, 6, names=["SUN", "mon", "FRI"]),
).map(" ".join)
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS, INSTANTS, st.sampled_from(ZONES))
@example("30 1 * * *", datetime(2026, 11, 1, 5, 45, tzinfo=UTC), NEW_YORK)
def test_standard_ticks_are_cronsim_s_each_once_and_rising(expression, after, zone):
    try:
        ours = cron.next_runs(expression, "standard", after=after, zone=zone, count=5)
    except InvalidCronError:
        return

    theirs = sorted({tick.astimezone(UTC) for tick in islice(CronSim(expression, after.astimezone(zone)), 12)})
    assert ours == [tick for tick in theirs if tick > after][:5]
    assert all(tick.second == tick.microsecond == 0 for tick in ours)


@settings(max_examples=100, deadline=None)
@given(EXPRESSIONS, INSTANTS, st.sampled_from(ZONES))
def test_apscheduler_ticks_are_apscheduler_s(expression, after, zone):
    try:
        ours = cron.next_run(expression, "apscheduler", after=after, zone=zone)
    except InvalidCronError:
        return

    trigger = CronTrigger.from_crontab(expression, timezone=zone)
    theirs = trigger.get_next_fire_time(None, after + timedelta(microseconds=1))
    assert ours == theirs.astimezone(UTC) or theirs.astimezone(UTC) <= after


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40) | EXPRESSIONS, st.sampled_from(["standard", "apscheduler"]))
@example("0 0 LW/2 * *", "standard")
@example("* * * * 1#5", "standard")
def test_any_text_is_read_and_described_or_refused_in_words(expression, dialect):
    try:
        cron.parse(expression, dialect)
    except InvalidCronError as error:
        described = error.message
    else:
        described = cron.describe(expression, dialect)
    assert described.strip()


@settings(max_examples=60, deadline=None)
@given(EXPRESSIONS, INSTANTS)
def test_the_instant_at_which_the_dialects_part_is_a_tick_of_one_of_them(expression, after):
    try:
        difference = cron.differs(expression, zone=TOKYO, after=after)
    except InvalidCronError:
        return

    if difference is None:
        runs = [
            cron.next_runs(expression, dialect, after=after, zone=TOKYO, count=3)
            for dialect in ("standard", "apscheduler")
        ]
        assert runs[0] == runs[1]
    elif difference.at is not None:
        just_before = difference.at - timedelta(microseconds=1)
        fires = [
            cron.next_run(expression, dialect, after=just_before, zone=TOKYO) == difference.at
            for dialect in ("standard", "apscheduler")
        ]
        assert sorted(fires) == [False, True]
