"""Who fires jobs: the processes that tick, the switch that says whose may, and who took which round of the upkeep."""

from datetime import datetime

from sqlalchemy import DateTime, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cronjobs.models.base import Base, Identified
from crossfade import clock
from crossfade.fence import STAYS_WRITABLE
from crossfade.transfer.marks import LOCAL

BOTH = "both"
OFF = "off"
OWNERS = ("flask", "fastapi", BOTH, OFF)


class SchedulerNode(Identified, Base):
    """A process that ticks. Its heartbeat says that it is alive."""

    __tablename__ = "scheduler_nodes"
    # A heartbeat is about a process, not about the application: nobody misses it in another database.
    __table_args__ = ({"info": {STAYS_WRITABLE: True, LOCAL: True}},)

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
    # Who may fire what is due in this database; whoever copied it would switch a scheduler on or off elsewhere.
    __table_args__ = ({"info": {LOCAL: True}},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    owner: Mapped[str] = mapped_column(String(20), default=BOTH)
    changed_by: Mapped[str | None] = mapped_column(String(255))
    changed_at: Mapped[datetime] = mapped_column(DateTime, default=clock.naive_utc)


class UpkeepClaim(Base):
    """A round of a chore that is done once, whoever ticks: who inserts the row, does it.

    It goes along with a copy, as the jobs do: what was sent for the one database isn't to be sent again for the other.
    """

    __tablename__ = "upkeep_claims"

    chore: Mapped[str] = mapped_column(String(50), primary_key=True)
    due_at: Mapped[datetime] = mapped_column(DateTime, primary_key=True)
    """The round, naive UTC, from the calendar and never from the clock."""
    owner: Mapped[str] = mapped_column(String(255))
    """The scheduler node that took it."""
    claimed_at: Mapped[datetime] = mapped_column(DateTime, default=clock.naive_utc)
