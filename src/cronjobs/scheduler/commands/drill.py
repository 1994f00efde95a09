"""`crossfade scheduler drill`: processes are killed, frozen and cut off on a copy, and what comes of it is counted."""

from collections.abc import Sequence
from secrets import randbelow
from typing import Annotated, Any

import typer

from cronjobs.scheduler.commands import databases
from cronjobs.scheduler.commands.told import Told
from cronjobs.scheduler.drill import rehearsal
from cronjobs.scheduler.drill.judge import SHOWN, Verdict
from cronjobs.scheduler.drill.rehearsal import Outcome, Place, Plan
from crossfade.cli.answers import tell, tell_json

_SEEDS = 1_000_000


def drill(
    *,
    place: Annotated[
        Place,
        typer.Option(
            "--on",
            help="A SQLite file or a PostgreSQL server of the drill's own, or a new database beside Flask's, which is "
            "dropped afterwards.",
        ),
    ] = "here",
    runs: Annotated[int, typer.Option("--runs", min=1, help="The trouble ends when so many runs were due.")] = 2_000,
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, help="It ends after so many seconds at the latest.")
    ] = 60.0,
    processes: Annotated[int, typer.Option("--processes", min=2, max=64, help="Servers, of both stacks in turns.")] = 8,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, help="So many jobs at least; what the copied ones lack is made up.")
    ] = 1_000,
    per_second: Annotated[
        int, typer.Option("--per-second", min=1, help="Jobs that become due each second, while all keep up.")
    ] = 100,
    trouble: Annotated[
        float, typer.Option("--trouble", min=0.05, help="Seconds between two strokes, on average.")
    ] = 1.0,
    lease: Annotated[float, typer.Option("--lease", min=15, help="Seconds that a run belongs to who took it.")] = 60.0,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Repeats the choices of a drill, though not its timing.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Kill, freeze and cut off processes that fire, on a copy of your jobs, and count what comes of it.

    A disposable database gets your schema and your jobs' policies; every job calls a target on this machine's loopback
    which the drill starts. Nothing is written to your databases, and no target of yours is called. What should have
    happened, what the database says and what the target received are compared: lost, doubled and stuck must be 0.

    A PostgreSQL server is killed, too, if it is the drill's own; a disk is filled up where a small file system can be
    mounted for it, which takes root.

    Exit code: 0 nothing lost, doubled or stuck; 1 something was, and it is named; 2 the command can't be meant so; 3 a
    database can't be reached.
    """
    with databases.opened(as_json=as_json) as opened:
        plan = Plan(
            place=place,
            runs=runs,
            seconds=seconds,
            processes=processes,
            jobs=jobs,
            per_second=per_second,
            trouble=trouble,
            lease=lease,
            seed=randbelow(_SEEDS) if seed is None else seed,
        )
        outcome = rehearsal.drill(plan, opened.router, (lambda _: None) if as_json else tell)
        told = _told(plan, outcome)
        if as_json:
            tell_json(told.answer)
        else:
            tell(*told.lines)
        raise typer.Exit(0 if told.answer["ok"] else 1)


def _told(plan: Plan, outcome: Outcome) -> Told:
    verdict = outcome.verdict
    answer: dict[str, Any] = {
        "ok": verdict.is_good,
        "seed": plan.seed,
        "expected": verdict.expected,
        "calls": verdict.calls,
        "further_attempts": verdict.further,
        "states": verdict.states,
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "stuck": len(verdict.stuck),
        "faults": [*verdict.lost[:SHOWN], *verdict.doubled[:SHOWN], *verdict.stuck[:SHOWN]],
        "trouble": dict(outcome.strokes),
        "late_seconds": outcome.late,
        "seconds": round(outcome.seconds, 1),
        "peak_bytes": outcome.peak,
    }
    return Told(answer, _lines(verdict, outcome, answer["faults"]))


def _lines(verdict: Verdict, outcome: Outcome, faults: Sequence[str]) -> list[str]:
    states = ", ".join(f"{state} {count:,}" for state, count in sorted(verdict.states.items()))
    late = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in outcome.late.items())
    return [
        f"trouble: {rehearsal.told(outcome.strokes)}",
        f"{verdict.expected:,} runs were due; {verdict.calls:,} calls arrived, {verdict.further:,} repeats as asked",
        f"rows: {states or 'none'}",
        f"late: {late or 'nothing arrived'}",
        f"lost {len(verdict.lost)}, doubled {len(verdict.doubled)}, stuck {len(verdict.stuck)}",
        *(f"  {fault}" for fault in faults),
    ]
