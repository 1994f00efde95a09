"""`crossfade scheduler status`: who may fire, which processes there are, and how much there is to do."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from cronjobs.models.scheduling import OFF
from cronjobs.scheduler import nodes
from cronjobs.scheduler.commands import databases, shapes
from cronjobs.scheduler.nodes import NodeSeen, Status
from cronjobs.services.backlog import OVERDUE_AFTER
from crossfade.cli.answers import tell, tell_json
from crossfade.cli.tables import aligned
from crossfade.routes import Route

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def status(*, as_json: Json = False) -> None:
    """Show whose processes may fire, which there are, and for each database what is due, running and done.

    The exit code is 1 if runs are overdue though somebody may fire them.
    """
    with databases.opened(as_json=as_json) as opened:
        with opened.sessions() as sessions:
            standing = nodes.standing(sessions[0])
            found = [
                (route, nodes.status(session, anchored=standing))
                for route, session in zip(opened.routes, sessions, strict=True)
            ]
        ok = standing.switch.owner == OFF or all(_is_in_time(one) for _, one in found)
        if as_json:
            tell_json(_answer(found, ok=ok))
        else:
            tell(*_lines(found))
        raise typer.Exit(0 if ok else 1)


def _is_in_time(found: Status) -> bool:
    return found.overdue_seconds <= OVERDUE_AFTER.total_seconds()


def _answer(found: list[tuple[Route, Status]], *, ok: bool) -> dict[str, Any]:
    anchor = found[0][1]
    return {
        "ok": ok,
        "owner": anchor.owner,
        "changed_by": anchor.changed_by,
        "changed_at": shapes.instant(anchor.changed_at),
        "nodes": [
            asdict(node) | {"heartbeat": shapes.instant(node.heartbeat), "started_at": shapes.instant(node.started_at)}
            for node in anchor.nodes
        ],
        "last_pass": anchor.last_pass,
        "databases": [
            {
                "stack": route.stack,
                "url": route.masked,
                "counts": one.counts,
                "states": one.states,
                "overdue_seconds": one.overdue_seconds,
            }
            for route, one in found
        ],
    }


def _lines(found: list[tuple[Route, Status]]) -> list[str]:
    anchor = found[0][1]
    told = [shapes.switch(anchor.owner, anchor.changed_by, anchor.changed_at), *_nodes(anchor.nodes)]
    if anchor.last_pass is not None:
        told.append("last pass: " + ", ".join(f"{name} {value}" for name, value in anchor.last_pass.items()))
    for route, one in found:
        told += ["", route.masked, *_counts(one)]
    return told


def _nodes(seen: list[NodeSeen]) -> list[str]:
    if not seen:
        return ["no process ticks: nothing is fired"]
    rows = [["node", "host", "process", "since", "last sign of life"]]
    rows += [
        [node.stack, node.host, str(node.process), shapes.minute(node.started_at), _age(node.heartbeat_age_seconds)]
        for node in seen
    ]
    return aligned(rows)


def _age(seconds: float) -> str:
    return f"{seconds:.0f} s ago"


def _counts(one: Status) -> list[str]:
    jobs = ", ".join(f"{name.replace('_', ' ')} {number:,}" for name, number in one.counts.items())
    runs = ", ".join(f"{name} {number:,}" for name, number in one.states.items() if number) or "none"
    late = f"overdue: the oldest run has been due for {one.overdue_seconds:.0f} s" if not _is_in_time(one) else ""
    return [f"  {jobs}", f"  runs that wait or go on, and of the last day: {runs}", *([f"  {late}"] if late else [])]
