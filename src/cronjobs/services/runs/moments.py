"""What time it is for runs: by the one clock that all processes share."""

from datetime import datetime

from sqlalchemy import DateTime, func, select
from sqlalchemy.orm import Session

from crossfade import clock


def moment(session: Session, now: datetime | None) -> datetime:
    """Naive UTC: `now` if it is given, else what the database's clock says. SQLite's is this machine's."""
    if now is not None:
        return clock.naive_utc(now)
    if session.get_bind().dialect.name == "postgresql":
        return session.execute(select(func.timezone("UTC", func.clock_timestamp(), type_=DateTime))).scalar_one()
    return clock.naive_utc()
