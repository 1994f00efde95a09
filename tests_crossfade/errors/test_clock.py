"""The time of day."""

from datetime import UTC, datetime, timedelta, timezone

from crossfade import clock


def test_now_is_aware_and_in_utc():
    assert clock.now().tzinfo is UTC


def test_stored_time_is_naive_utc():
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))

    assert clock.naive_utc(noon) == datetime(2026, 1, 1, 10)  # noqa: DTZ001  naive is the point
    assert clock.naive_utc().tzinfo is None


def test_a_naive_value_is_taken_for_utc():
    assert clock.utc(datetime(2026, 1, 1, 12)) == datetime(2026, 1, 1, 12, tzinfo=UTC)  # noqa: DTZ001


def test_an_aware_value_is_converted_to_utc():
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))

    assert clock.utc(noon).hour == 10
