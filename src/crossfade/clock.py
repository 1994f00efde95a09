"""The one door to the time of day, in UTC.

Databases keep naive UTC, people and HTTP get aware UTC; which zone a schedule is meant in is left to the scheduler.
"""

from datetime import UTC, datetime


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251  this is the door


def naive_utc(value: datetime | None = None) -> datetime:
    """`value`, or this moment, as the databases store it: UTC without a zone."""
    return (now() if value is None else utc(value)).replace(tzinfo=None)


def utc(value: datetime) -> datetime:
    """`value` aware and in UTC. A naive one is taken for UTC, because that is what the databases hold."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
