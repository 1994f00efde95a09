"""`crossfade scheduler runs`: what ran, what runs next, and the proof that every tick was answered once."""

from typing import Annotated, Any

import typer

from cronjobs.scheduler.commands import databases, listing, proving, upcoming
from crossfade.cli.answers import tell, tell_json
from crossfade.errors import SelectionError

_DEFAULT = 20
_MOST = 1_000


def runs(
    *,
    job: Annotated[str | None, typer.Option("--job", help="One job alone: its id, or its name.")] = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", help="due, running, success, failed, missed, skipped, unknown; may be repeated."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=_MOST, help="How many runs are shown.")] = _DEFAULT,
    following: Annotated[
        int | None, typer.Option("--next", min=1, max=_MOST, metavar="N", help="The next N runs of the --job instead.")
    ] = None,
    prove: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--prove", metavar="FROM TO", help="Reckon the schedule anew from FROM to TO, and compare it with the rows."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what ran last, the newest first; or what runs next; or prove that no tick was lost and none ran twice.

    FROM and TO are instants, such as 2026-11-28T06:00 or 2026-11-28 or now; UTC unless they say otherwise. TO as a day
    is the whole day.

    Exit code: 0 shown, or proved; 1 a tick has no row or more than one, or a row belongs to no tick; 2 the command
    can't be meant so; 3 a database can't be reached.
    """
    with databases.opened(as_json=as_json) as opened:
        _refuse_odd(job=job, state=state, following=following, prove=prove)
        if prove is not None:
            told = proving.proved(opened, *prove, job=job)
        elif following is not None:
            told = upcoming.upcoming(opened, str(job), following)
        else:
            told = listing.listed(opened, job=job, states=state or [], limit=limit)
        if as_json:
            tell_json(told.answer)
        else:
            tell(*told.lines)
        raise typer.Exit(0 if told.answer["ok"] else 1)


def _refuse_odd(*, job: str | None, state: Any, following: int | None, prove: Any) -> None:
    if following is not None and prove is not None:
        raise SelectionError(reason="--next and --prove are two questions: ask one of them")
    if following is not None and job is None:
        raise SelectionError(reason="--next needs --job, the job whose runs are meant")
    if state and (following is not None or prove is not None):
        raise SelectionError(reason="--state narrows the list of runs, not --next or --prove")
