"""Proves, for all jobs of one database or two, that from one instant to another no tick was lost and none ran twice.

Jobs come in batches, each in a look of its own at the databases, so that neither memory nor a transaction grows with
their number. A job that is in both databases is the anchor's, and its rows of both count.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from cronjobs.models import AuditEvent, Job, JobExecution
from cronjobs.models.executions import SCHEDULED
from cronjobs.services import audit, cron, schedules
from cronjobs.services.errors import InvalidScheduleError
from cronjobs.services.ledger import accounts, entries, histories, walks
from cronjobs.services.ledger.accounts import OFFENCES, Offence, Tick, Verdict
from cronjobs.services.ledger.histories import MARGIN, Change, Held, Span
from crossfade import clock

BATCH = 200
LISTED = 100
"""Offences, and spans of which nothing is known, that are listed; all are counted."""

Look = Callable[[], AbstractContextManager[Sequence[Session]]]
"""Opens a session on each database, the anchor's first, to read."""


@dataclass(frozen=True)
class Window:
    """What is to be proved: ticks from `first` to `until`, both inclusive, aware."""

    first: datetime
    until: datetime
    kept_since: datetime | None = None
    """Rows that began before it may have been deleted by then."""
    job_id: str | None = None
    """One job alone."""


@dataclass(frozen=True)
class Offender:
    """An offence, and whose it is."""

    job_id: str
    job_name: str
    offence: Offence


@dataclass(frozen=True)
class Unknown:
    """A span of which nothing can be proved for a job."""

    job_id: str
    job_name: str
    start: datetime
    end: datetime
    reason: str


@dataclass
class Proof:
    """What was found."""

    window: Window
    jobs: int = 0
    counts: Counter[Verdict] = field(default_factory=Counter)
    offenders: list[Offender] = field(default_factory=list)
    """The first LISTED."""
    unknown: list[Unknown] = field(default_factory=list)
    """The first LISTED."""
    unknown_spans: int = 0
    deleted_jobs: int = 0
    """Jobs that were deleted since the beginning, and their runs with them."""
    unassigned_runs: int = 0
    """Scheduled runs that say no tick: the legacy application wrote them, and what it ran is absent here."""

    @property
    def expected(self) -> int:
        """Ticks of which it is certain that they were due."""
        return sum(self.counts[verdict] for verdict in ("run", "missed", "skipped", "owed", "absent", "double"))

    @property
    def ok(self) -> bool:
        """Whether every tick was answered once, and every row answers one."""
        return not any(self.counts[verdict] for verdict in OFFENCES)


def prove(look: Look, window: Window, *, zone: ZoneInfo) -> Proof:
    """Compares the schedule with the rows; `zone` is the installation's."""
    until = min(window.until, clock.now())
    proof = Proof(Window(window.first, until, window.kept_since, window.job_id))
    with look() as sessions:
        databases = len(sessions)
        for session in sessions:
            proof.deleted_jobs += _deleted(session, window)
            proof.unassigned_runs += _unassigned(session, window)
    for number in range(databases):
        prover = _Prover(proof, zone, number)
        last: str | None = ""
        while last is not None:
            with look() as sessions:
                last = prover.go_on(sessions, last)
    return proof


class _Prover:
    """Goes through the jobs of one database."""

    def __init__(self, proof: Proof, zone: ZoneInfo, number: int) -> None:
        self._proof = proof
        self._window = proof.window
        self._zone = zone
        self._number = number

    def go_on(self, sessions: Sequence[Session], last: str) -> str | None:
        """Proves the batch of jobs that follow the id `last`; the id that it ends with, None if it was the last."""
        session = sessions[self._number]
        statement = select(*histories.COLUMNS).where(Job.id > last).order_by(Job.id).limit(BATCH)
        if self._window.job_id is not None:
            statement = statement.where(Job.id == self._window.job_id)
        # The jobs before their rows: what is claimed meanwhile then has a row, and is not missed.
        jobs = session.execute(statement).all()
        ids = [job.id for job in jobs]
        elsewhere = set(sessions[0].scalars(select(Job.id).where(Job.id.in_(ids)))) if self._number else set()
        logged = histories.changes(session, ids)
        renames = histories.renames(session, since=self._window.first - MARGIN)
        first_ticks = entries.first_ticks(session, ids)
        for job in jobs:
            if job.id not in elsewhere:
                log = logged.get(job.id, [])
                spans = histories.spans(
                    job,
                    log,
                    explained=renames,
                    known_since=_known_since(job, first_ticks.get(job.id), self._window),
                    until=self._window.until,
                )
                self._prove(sessions, job, self._within(job, log, spans), edges=_edges(spans, self._window))
        return ids[-1] if len(ids) == BATCH else None

    def _within(self, job: Row[Any], log: Sequence[Change], spans: list[Span]) -> list[Span]:
        """The spans inside the window, and those of which nothing is known besides."""
        kept = self._window.kept_since
        first = self._window.first if kept is None else max(self._window.first, kept)
        first = min(first, self._window.until)
        if self._window.first < first:
            self._give_up(job, self._window.first, first, "runs as old as this are deleted")
        begun = spans[0].start if spans else self._window.until
        is_born = bool(log and log[0].action == audit.CREATED) or clock.utc(job.created_at) >= begun
        if not is_born and first < begun:
            self._give_up(job, first, begun, "nothing was recorded of it before")
        cut = [Span(max(one.start, first), one.end, one.held, one.reason) for one in spans if one.end > first]
        for one in cut:
            if one.reason is not None:
                self._give_up(job, one.start, one.end, one.reason)
        return [one for one in cut if one.held is not None and self._is_readable(job, one, one.held)]

    def _is_readable(self, job: Row[Any], span: Span, held: Held) -> bool:
        try:
            _zone(held, self._zone)
            cron.parse(held.cron_expression, held.cron_dialect)
        except InvalidScheduleError as error:
            if held.is_active:
                self._give_up(job, span.start, span.end, error.message)
            return False
        return True

    def _prove(self, sessions: Sequence[Session], job: Row[Any], spans: list[Span], *, edges: set[datetime]) -> None:
        self._proof.jobs += 1
        if not spans:
            return
        judge = _Judge(spans, edges)
        first, until = spans[0].start, spans[-1].end
        verdicts = accounts.settle(
            self._ticks(spans, judge),
            entries.entries(sessions, job.id, first=first, until=until),
            is_owed=lambda tick: _is_owed(job, tick),
            is_judged=judge.is_certain,
        )
        for offence in accounts.count(verdicts, self._proof.counts):
            if len(self._proof.offenders) < LISTED:
                self._proof.offenders.append(Offender(job.id, job.name, offence))

    def _ticks(self, spans: list[Span], judge: "_Judge") -> Iterator[Tick]:
        for span in spans:
            if span.held is not None and span.held.is_active:
                for at in _walk(span.held, self._zone, span.start, span.end):
                    # The end is the next span's beginning, but for the window's.
                    if at < span.end or span is spans[-1]:
                        yield Tick(at, certain=judge.is_certain(at))

    def _give_up(self, job: Row[Any], start: datetime, end: datetime, reason: str) -> None:
        self._proof.unknown_spans += 1
        if len(self._proof.unknown) < LISTED:
            self._proof.unknown.append(Unknown(job.id, job.name, start, end, reason))


class _Judge:
    """Says of an instant whether what a job was like then is certain."""

    def __init__(self, spans: Sequence[Span], edges: set[datetime]) -> None:
        self._spans = spans
        self._edges = edges

    def is_certain(self, moment: datetime) -> bool:
        return any(span.start <= moment <= span.end for span in self._spans) and not any(
            abs(moment - edge) <= MARGIN for edge in self._edges
        )


def _edges(spans: Sequence[Span], window: Window) -> set[datetime]:
    """When the job was made or changed: where the window cuts through a span, nothing changes."""
    return {moment for span in spans for moment in (span.start, span.end)} - {window.until}


def _walk(held: Held, zone: ZoneInfo, first: datetime, until: datetime) -> Iterator[datetime]:
    """The ticks of what a job was like."""
    own = _zone(held, zone)
    ticks = walks.ticks(held.cron_expression, held.cron_dialect, own, first=first, until=until)
    return (tick for tick in ticks if _is_its_day(held, tick, own))


def _zone(held: Held, zone: ZoneInfo) -> ZoneInfo:
    return schedules.zone_called(held.timezone) if held.timezone else zone


def _is_its_day(held: Held, tick: datetime, zone: ZoneInfo) -> bool:
    day = tick.astimezone(zone).date()
    return (held.start_date is None or day >= held.start_date) and (held.end_date is None or day <= held.end_date)


def _is_owed(job: Row[Any], tick: datetime) -> bool:
    """Whether the scheduler will still come to it: it is due in the row, or the row was not planned yet."""
    if not job.is_active:
        return False
    if job.planned_at != job.updated_at:
        return tick > clock.utc(job.updated_at)
    return job.next_run_at is not None and tick >= clock.utc(job.next_run_at)


def _known_since(job: Row[Any], first_tick: datetime | None, window: Window) -> datetime:
    """From when on something is known of a job whose creation isn't in the log."""
    created = clock.utc(job.created_at)
    if created >= window.first:
        return created
    return window.until if first_tick is None else max(first_tick, created)


def _deleted(session: Session, window: Window) -> int:
    if window.job_id is not None:
        return 0
    statement = select(func.count()).where(
        AuditEvent.kind == "job",
        AuditEvent.action == audit.DELETED,
        AuditEvent.occurred_at >= clock.naive_utc(window.first),
    )
    return session.scalar(statement) or 0


def _unassigned(session: Session, window: Window) -> int:
    statement = select(func.count()).where(
        JobExecution.trigger_type == SCHEDULED,
        JobExecution.scheduled_for.is_(None),
        JobExecution.started_at >= clock.naive_utc(window.first),
        JobExecution.started_at <= clock.naive_utc(window.until),
    )
    if window.job_id is not None:
        statement = statement.where(JobExecution.job_id == window.job_id)
    return session.scalar(statement) or 0
