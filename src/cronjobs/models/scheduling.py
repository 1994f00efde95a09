"""Who fires jobs: the processes that tick, and the switch that says whose may."""

from datetime import datetime

from sqlalchemy import DateTime, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cronjobs.models.base import Base, Identified
from crossfade import clock

BOTH = "both"
OFF = "off"
OWNERS = ("flask", "fastapi", BOTH, OFF)


class SchedulerNode(Identified, Base):
    """A process that ticks. Its heartbeat says that it is alive."""

    __tablename__ = "scheduler_nodes"

    stack: Mapped[str] = mapped_column(String(20))
    host: Mapped[str] = mapped_column(String(255))
    process: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[datetime] = mapped_column(DateTime)
    heartbeat_at: Mapped[datetime] = mapped_column(DateTime, index=True)
    last_pass: Mapped[str | None] = mapped_column(Text)
    """What the last pass did, as JSON: when, how many were due, claimed, reaped."""


class SchedulerControl(Base):
    """One row, id 1: whose processes may fire. A missing row means both."""

    __tablename__ = "scheduler_control"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    owner: Mapped[str] = mapped_column(String(20), default=BOTH)
    changed_by: Mapped[str | None] = mapped_column(String(255))
    changed_at: Mapped[datetime] = mapped_column(DateTime, default=clock.naive_utc)
