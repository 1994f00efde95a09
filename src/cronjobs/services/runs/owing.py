"""What a job owes when somebody changes or pauses it: ticks that are due, and that nobody has claimed yet.

A claim gives each tick its row. Where a job fires no more, or by another schedule, no claim will: what isn't run gets
its row here, so that it doesn't vanish. Nobody is told: whoever changed the job knows.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cronjobs.models import Job
from cronjobs.services import schedules
from cronjobs.services.errors import InvalidScheduleError
from cronjobs.services.runs import rows
from cronjobs.services.runs.policies import Gap
from cronjobs.services.schedules import Schedule
from crossfade import clock
from crossfade.database.sessions import WriteSession

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class Owed:
    """Ticks of a job, by what it was when they were due."""

    first: datetime
    latest: datetime
    schedule: Schedule | None
    """None if nobody can read it; then the first tick stands for all."""

    def all(self) -> Gap:
        """Every one."""
        return self._gap(self.latest)

    def but_latest(self) -> Gap | None:
        """Those before the latest; None if there is no other."""
        if self.schedule is None or self.first == self.latest:
            return None
        before = self.schedule.latest_run(first=self.first, until=self.latest - _INSTANT)
        return self._gap(before or self.first)

    def _gap(self, last: datetime) -> Gap:
        count = 1 if self.schedule is None else self.schedule.count(first=self.first, until=last)
        return Gap(first=self.first, last=last, count=max(count, 1))


def of(job: Job, *, zone: ZoneInfo | None, moment: datetime) -> Owed | None:
    """What `job`, as it is, owes at `moment` (naive UTC); None if nothing. `zone` is the installation's, if known."""
    if job.next_run_at is None or job.next_run_at > moment:
        return None
    first, until = clock.utc(job.next_run_at), clock.utc(moment)
    unreadable = Owed(first=first, latest=first, schedule=None)
    try:
        schedule = None if zone is None else schedules.of(job, zone=zone)
        latest = None if schedule is None else schedule.latest_run(first=first, until=until)
    except InvalidScheduleError:
        return unreadable
    if schedule is None:
        return unreadable
    # A last day that was moved before a tick unmakes it.
    return None if schedule.has_ended(first) else Owed(first=first, latest=latest or first, schedule=schedule)


def write_off(session: WriteSession, job: Job, gap: Gap | None, why: str, *, moment: datetime) -> None:
    """Writes down that the ticks are run no more. `why` ends a sentence: `when the job was paused`."""
    if gap is not None:
        rows.insert(session, [rows.missed(job, gap, why, moment=moment)])
