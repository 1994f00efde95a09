"""Requests whose statements are looked at: all that read, narrowed in every way, and those that change much at once.

They are asked of a database that `years` has filled.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from cronjobs.models import User
from cronjobs.models.executions import EXECUTION_TYPES, STATES, STATUSES, TRIGGER_TYPES
from cronjobs.services import digest, maintenance, retention, runs, tokens
from cronjobs.settings import Settings
from cronjobs.testing.client import UNSENT, Answer, Api
from cronjobs.testing.jobs import wanted
from cronjobs.testing.statements import Sent, counted
from cronjobs.testing.years import id_of
from crossfade import clock
from crossfade.database.sessions import WriteSession
from crossfade.router import Router

Query = dict[str, Any]

_DAY, _YEAR = ((clock.now() - timedelta(days=days)).date().isoformat() for days in (3, 365))
_PERIODS: list[Query] = [{}, {"from": _DAY}, {"to": _DAY}, {"from": _DAY, "to": _DAY}, {"from": _YEAR}]
_KINDS: list[Query] = [
    *({"status": status} for status in (*STATUSES, "success,failed")),
    *({"trigger_type": trigger_type} for trigger_type in (*TRIGGER_TYPES, "manual,scheduled")),
    *({"state": state} for state in (*STATES, "missed,skipped,unknown", "success,failed", "due,running,failed")),
    {"status": "success", "trigger_type": "scheduled"},
    {"status": "failed", "from": _YEAR},
    {"state": "missed", "trigger_type": "scheduled"},
    {"state": "failed", "from": _YEAR},
    {"status": "running", "trigger_type": "manual", "to": _DAY},
]
_MORE_KINDS: list[Query] = [
    *({"execution_type": execution_type} for execution_type in (*EXECUTION_TYPES, "smoke signals")),
    {"trigger_type": "scheduled", "execution_type": "webhook"},
    {"status": "success", "trigger_type": "scheduled", "execution_type": "webhook"},
]
_JOB: Query = {"job_id": "{job_id}"}

READING: dict[str, list[Query]] = {
    "/auth/verify": [{}],
    "/auth/me": [{}],
    "/auth/users": [{}],
    "/auth/users/{user_id}": [{}],
    "/auth/users/{user_id}/preferences": [{}],
    "/auth/users/{user_id}/ui-preferences": [{}],
    "/jobs": [{}, {"page": 1}, {"page": 1, "search": "nightly", "category": "general", "is_active": "true"}],
    "/jobs/{job_id}": [{}],
    "/jobs/{job_id}/next-runs": [{}],
    "/jobs/{job_id}/executions": [*_PERIODS, *_KINDS],
    "/jobs/{job_id}/executions/stats": [{}],
    "/jobs/{job_id}/executions/{execution_id}": [{}],
    "/executions": [*_PERIODS, *_KINDS, *_MORE_KINDS, _JOB, *(_JOB | kind for kind in (*_KINDS, *_MORE_KINDS))],
    "/executions/statistics": [*_PERIODS, *(_JOB | period for period in _PERIODS)],
    "/executions/{execution_id}": [{}],
    "/notifications": [*_PERIODS, *({"unread_only": "true"} | period for period in _PERIODS)],
    "/notifications/unread-count": _PERIODS,
    "/job-categories": [{}, {"include_inactive": "true"}],
    "/pic-teams": [{}, {"include_inactive": "true"}],
    "/settings/slack": [{}],
    "/audit": [{}, {"kind": "user"}, {"action": "created"}, {"actor": "admin"}, {"from": _DAY}],
    "/scheduler/status": [{}],
    "/health": [{}],
    "/metrics": [{}],
}
"""By path, as the OpenAPI document writes it, the queries with which it is asked."""

UPKEEP: dict[str, Callable[[WriteSession, Settings], Any]] = {
    "due": lambda session, _: runs.is_anything_due(session),
    "claim": lambda session, settings: runs.claim_due(session, node="node", stack="flask", zone=settings.zone),
    "renew": lambda session, _: runs.renew(session, node="node", execution_ids=[id_of("run", 0)]),
    "reap": lambda session, _: runs.reap(session, limit=1),
    "unplanned": lambda session, _: runs.is_anything_unplanned(session, since=clock.now()),
    "replan": lambda session, settings: runs.replan(session, zone=settings.zone, since=clock.now()),
    "replan all": lambda session, settings: runs.replan(session, zone=settings.zone),
    "prune executions": lambda session, _: retention.prune_executions(session, 20),
    "prune notifications": lambda session, _: retention.prune_notifications(session, 20),
    "digest": lambda session, settings: digest.write_digest(
        session, node="node", stack="flask", zone=settings.zone, now=digest.due_at(clock.now(), settings.zone)
    ),
    "end dates": lambda session, settings: maintenance.see_to_end_dates(
        session, node="node", stack="flask", zone=settings.zone, now=maintenance.due_at(clock.now(), settings.zone)
    ),
}
"""What the scheduler does between requests."""


def read(api: Api, token: str) -> dict[str, list[Sent]]:
    """Asks all that reads, of a job with half of the runs and of another one; the statements, by request.

    Of lists that come in pages, for the first one, one in the middle, and the last.
    """
    sent: dict[str, list[Sent]] = {}
    for path, query in _about_both_jobs():
        name = f"GET {path} {query}"
        answer, sent[name] = _asked(api, "GET", path, token, query=query)
        pages = answer.json.get("total_pages") if answer.headers["Content-Type"] == "application/json" else None
        if pages is not None:
            for where, number in (("in the middle", pages // 2), ("at the end", pages)):
                _, sent[f"{name} {where}"] = _asked(api, "GET", path, token, query=query | {"page": max(number, 1)})
    return sent


def change(api: Api, token: str, router: Router, settings: Settings, target_url: str) -> dict[str, list[Sent]]:
    """Asks for what changes or deletes many rows, or one among many; the statements, by request.

    `target_url` is called by a job.
    """
    with router.session("flask") as session:
        reader = session.get_one(User, id_of("user", 0))
        theirs = tokens.issue(reader, settings, "access", at=clock.now())
    job, note = f"/jobs/{id_of('job', 3)}", f"/notifications/{id_of('note', 1)}"
    requests: list[tuple[str, str, str, Any]] = [
        ("PUT", f"{note}/read", theirs, None),
        ("PUT", "/notifications/read-all", theirs, None),
        ("DELETE", note, theirs, None),
        ("DELETE", "/notifications/delete-read", theirs, None),
        ("POST", "/jobs", token, wanted(settings, name="One more")),
        ("PUT", job, token, wanted(settings, name="Renamed")),
        ("POST", f"{job}/execute", token, {"target_url": target_url}),
        ("DELETE", job, token, None),
        ("POST", "/scheduler/resync", token, None),
        ("DELETE", f"/auth/users/{id_of('user', 0)}", token, None),
    ]
    sent = {}
    for method, path, whose, body in requests:
        _, sent[f"{method} {path}"] = _asked(api, method, path, whose, body=body)
    return sent


def see_to(session: WriteSession, settings: Settings) -> dict[str, list[Sent]]:
    """Does what the scheduler does between requests; the statements, by chore. To be rolled back."""
    sent = {}
    for chore, work in UPKEEP.items():
        with counted() as sent[chore]:
            work(session, settings)
    return sent


def _about_both_jobs() -> Iterator[tuple[str, Query]]:
    for path, queries in READING.items():
        for query in queries:
            if "{job_id}" in path or "job_id" in query:
                yield from (_about(path, query, job=0, run=0), _about(path, query, job=3, run=3))
            else:
                yield _about(path, query, job=3, run=3)


def _about(path: str, query: Query, *, job: int, run: int) -> tuple[str, Query]:
    ids = {"job_id": id_of("job", job), "execution_id": id_of("run", run), "user_id": id_of("user", 0)}
    return path.format(**ids), {name: str(value).format(**ids) for name, value in query.items()}


def _asked(
    api: Api, method: str, path: str, token: str, *, query: Query | None = None, body: Any = None
) -> tuple[Answer, list[Sent]]:
    with counted() as sent:
        answer = api.request(method, path, token=token, query=query, json_body=UNSENT if body is None else body)
    assert answer.status in {200, 201}, answer.text
    return answer, sent
