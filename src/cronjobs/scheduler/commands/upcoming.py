"""The next runs of a job, as the scheduler will have them."""

from cronjobs.models import Job
from cronjobs.scheduler.commands import finding, shapes
from cronjobs.scheduler.commands.databases import Databases
from cronjobs.scheduler.commands.told import Told
from cronjobs.services import schedules
from crossfade import clock
from crossfade.cli.tables import aligned


def upcoming(databases: Databases, named: str, count: int) -> Told:
    """The next `count` runs of the job that is meant. Raises NotFoundError, InvalidScheduleError."""
    with databases.sessions() as sessions:
        _, job = finding.job(sessions, named)
        schedule = schedules.of(job, zone=databases.settings.zone)
        ticks = schedule.next_runs(after=clock.now(), count=count) if job.is_active else []
        answer = {
            "ok": True,
            "job_id": job.id,
            "job_name": job.name,
            "is_active": job.is_active,
            "cron_expression": job.cron_expression,
            "cron_dialect": job.cron_dialect,
            "timezone": schedule.zone.key,
            "next_runs": [shapes.instant(tick) for tick in ticks],
        }
        heading = f"{job.name}: {job.cron_expression} ({job.cron_dialect}), {schedule.zone.key}"
        if not ticks:
            return Told(answer, [heading, _silence(job)])
        rows = [[shapes.minute(tick), f"{tick.astimezone(schedule.zone):%a %Y-%m-%d %H:%M %Z}"] for tick in ticks]
        return Told(answer, [heading, *aligned([["UTC", schedule.zone.key], *rows])])


def _silence(job: Job) -> str:
    return "no further run: its last day is over" if job.is_active else "no run: it is paused"
