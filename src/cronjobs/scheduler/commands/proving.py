"""The tick ledger, as a command tells it."""

from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from cronjobs.scheduler.commands import finding, shapes
from cronjobs.scheduler.commands.databases import Databases
from cronjobs.scheduler.commands.told import Told
from cronjobs.services import retention
from cronjobs.services.ledger import proofs
from cronjobs.services.ledger.accounts import OFFENCES, VERDICTS
from cronjobs.services.ledger.proofs import Offender, Proof, Unknown, Window
from crossfade import clock
from crossfade.cli.tables import more
from crossfade.errors import SelectionError

_SHOWN = 20
"""Of a long list, for a person; JSON has more."""
_SAYS = {
    "absent": "no row",
    "double": "more than one row",
    "extra": "a row that belongs to no tick",
}


def proved(databases: Databases, first: str, until: str, *, job: str | None) -> Told:
    """Proves a window. Raises SelectionError for what is none, NotFoundError for such a job."""
    window = _window(first, until, kept_since=_kept_since(databases))
    if job is not None:
        with databases.sessions() as sessions:
            window = Window(window.first, window.until, window.kept_since, finding.job(sessions, job)[1].id)
    proof = proofs.prove(databases.sessions, window, zone=databases.settings.zone)
    return Told(_answer(proof), _lines(proof))


def _window(first: str, until: str, *, kept_since: datetime | None) -> Window:
    begin, end = _instant(first), _instant(until, whole_day=True)
    if begin >= end:
        raise SelectionError(reason=f"--prove {first} {until}: FROM must come before TO")
    return Window(begin, end, kept_since)


def _instant(written: str, *, whole_day: bool = False) -> datetime:
    if written.lower() == "now":
        return clock.now()
    try:
        if "T" not in written.upper() and " " not in written:
            day = date.fromisoformat(written) + timedelta(days=1 if whole_day else 0)
            end = datetime.combine(day, time(), tzinfo=UTC)
            # The whole day, and not the first instant of the next one.
            return end - timedelta(microseconds=1) if whole_day else end
        return clock.utc(datetime.fromisoformat(written.upper()))
    except (ValueError, OverflowError) as error:
        reason = f"--prove {written}: write an instant like 2026-11-28T06:00, a day like 2026-11-28, or now"
        raise SelectionError(reason=reason) from error


def _kept_since(databases: Databases) -> datetime | None:
    days = databases.settings.execution_retention_days
    return clock.now() - max(timedelta(days=days), retention.YOUNGEST) if days else None


def _answer(proof: Proof) -> dict[str, Any]:
    return {
        "ok": proof.ok,
        "from": shapes.instant(proof.window.first),
        "to": shapes.instant(proof.window.until),
        "jobs": proof.jobs,
        "expected": proof.expected,
        **{verdict: proof.counts[verdict] for verdict in VERDICTS},
        "offenders": [_offender(one) for one in proof.offenders],
        "not_provable_spans": proof.unknown_spans,
        "not_provable": [
            asdict(one) | {"start": shapes.instant(one.start), "end": shapes.instant(one.end)} for one in proof.unknown
        ],
        "deleted_jobs": proof.deleted_jobs,
        "unassigned_runs": proof.unassigned_runs,
    }


def _offender(one: Offender) -> dict[str, Any]:
    offence = one.offence
    return {
        "job_id": one.job_id,
        "job_name": one.job_name,
        "verdict": offence.verdict,
        "tick": shapes.instant(offence.tick),
        "runs": list(offence.rows),
    }


def _lines(proof: Proof) -> list[str]:
    counts = proof.counts
    outcome = ", ".join(f"{verdict} {counts[verdict]:,}" for verdict in VERDICTS)
    told = [
        f"{proof.jobs:,} jobs from {shapes.minute(proof.window.first)} to {shapes.minute(proof.window.until)} UTC",
        f"expected {proof.expected:,}: {outcome}",
    ]
    told += [_offence(one) for one in proof.offenders[:_SHOWN]]
    told += more(sum(counts[verdict] for verdict in OFFENCES), len(proof.offenders[:_SHOWN]))
    told += [_unknown(one) for one in proof.unknown[:_SHOWN]]
    told += more(proof.unknown_spans, len(proof.unknown[:_SHOWN]))
    if proof.deleted_jobs:
        told.append(f"{proof.deleted_jobs:,} jobs were deleted since, and their runs with them: not provable")
    if proof.unassigned_runs:
        told.append(f"{proof.unassigned_runs:,} scheduled runs say no tick: the legacy application made them")
    return [*told, _verdict(proof)]


def _offence(one: Offender) -> str:
    rows = f" ({', '.join(one.offence.rows)})" if one.offence.rows else ""
    at = shapes.instant(one.offence.tick)
    return f"  {one.offence.verdict}: {one.job_name} ({one.job_id}) at {at}: {_SAYS[one.offence.verdict]}{rows}"


def _unknown(one: Unknown) -> str:
    span = f"{shapes.minute(one.start)} to {shapes.minute(one.end)}"
    return f"  not provable: {one.job_name} ({one.job_id}) from {span}: {one.reason.rstrip('.')}"


def _verdict(proof: Proof) -> str:
    counts = proof.counts
    if not proof.ok:
        return f"not proved: {counts['absent']:,} absent, {counts['double']:,} double, {counts['extra']:,} extra"
    owed = f"; {counts['owed']:,} are due and not begun yet" if counts["owed"] else ""
    where = " where it can be known" if proof.unknown_spans else ""
    return f"proved{where}: every tick was answered once, none was lost, none ran twice{owed}"
