"""What each policy does of ticks that fall into an outage over a change of clocks, and the ledger's proof of it."""

import json
import random
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from cronjobs.models import AuditEvent, Job, JobExecution
from cronjobs.services import runs, schedules
from cronjobs.services.calls import Outcome
from cronjobs.services.ledger import proofs
from cronjobs.services.ledger.proofs import Window
from crossfade import clock

BERLIN = ZoneInfo("Europe/Berlin")


def at(written):
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


@pytest.fixture
def job(router):
    """Stores a job as the application would have: planned at `since`, its creation in the audit log."""

    def add(since, name="nightly", **fields):
        moment = clock.naive_utc(since)
        stamps = {"created_at": moment, "updated_at": moment, "planned_at": moment}
        values = {"cron_dialect": "standard", "timezone": "Europe/Berlin", "is_active": True} | fields
        added = Job(name=name, target_url="http://127.0.0.1:9/", **stamps, **values)
        added.next_run_at = clock.naive_utc(schedules.of(added, zone=BERLIN).next_run(after=since))
        said = {field: {"before": None, "after": values[field]} for field in values if not field.startswith("misfire")}
        with router.session("flask") as session:
            session.add(added)
            session.flush()
            event = {"kind": "job", "action": "created", "subject_id": added.id, "subject_name": name}
            session.add(AuditEvent(**event, occurred_at=moment, changes=json.dumps(said)))
        return added

    return add


@pytest.fixture
def claim(write):
    """What a process does that looks at `now`."""

    def look(now):
        claims = write(runs.claim_due, node="n", stack="flask", zone=BERLIN, now=now).claims
        for each in claims:
            write(runs.finish, each, Outcome(ok=True), now=now)
        return len(claims)

    return look


@pytest.fixture
def prove(router):
    @contextmanager
    def look():
        with router.session("flask") as session:
            yield [session]

    def run(first, until):
        proof = proofs.prove(look, Window(first, until), zone=BERLIN)
        assert proof.ok, proof.offenders
        return {verdict: count for verdict, count in proof.counts.items() if count}

    return run


SPRING = ("2026-03-28T12:00", "2026-03-30T12:00")
"""The clocks of Berlin leave out 02:00 to 03:00 on the 29th, at 01:00 UTC."""
AUTUMN = ("2026-10-24T12:00", "2026-10-26T12:00")
"""They show 02:00 to 03:00 twice on the 25th, from 00:00 UTC on."""

TABLE = [
    # A fixed time in the gap: 03:00 on the 29th (01:00 UTC), then 02:30 on the 30th (00:30 UTC).
    (SPRING, "30 2 * * *", "standard", {}, ["30T00:30"], ("29T01:00", "29T01:00", 1)),
    (SPRING, "30 2 * * *", "standard", {"misfire_policy": "run_all"}, ["29T01:00", "30T00:30"], None),
    (SPRING, "30 2 * * *", "standard", {"misfire_policy": "skip"}, [], ("29T01:00", "30T00:30", 2)),
    (
        SPRING,
        "30 2 * * *",
        "standard",
        {"misfire_policy": "run_all", "misfire_grace_seconds": 86_400},
        ["30T00:30"],
        ("29T01:00", "29T01:00", 1),
    ),
    # With a star: nothing in the gap.
    (SPRING, "*/30 2 * * *", "standard", {}, ["30T00:30"], ("30T00:00", "30T00:00", 1)),
    (SPRING, "*/30 2 * * *", "standard", {"misfire_policy": "run_all"}, ["30T00:00", "30T00:30"], None),
    # A fixed time in the repeat: the first 02:30 on the 25th (00:30 UTC), then 02:30 on the 26th (01:30 UTC).
    (AUTUMN, "30 2 * * *", "standard", {}, ["26T01:30"], ("25T00:30", "25T00:30", 1)),
    (AUTUMN, "30 2 * * *", "standard", {"misfire_policy": "run_all"}, ["25T00:30", "26T01:30"], None),
    (AUTUMN, "30 2 * * *", "standard", {"misfire_policy": "skip"}, [], ("25T00:30", "26T01:30", 2)),
    # With a star, four times on the 25th and twice on the 26th.
    (AUTUMN, "*/30 2 * * *", "standard", {}, ["26T01:30"], ("25T00:00", "26T01:00", 5)),
    (AUTUMN, "*/30 2 * * *", "standard", {"misfire_policy": "skip"}, [], ("25T00:00", "26T01:30", 6)),
    # The legacy dialect runs a fixed time twice.
    (AUTUMN, "30 2 * * *", "apscheduler", {}, ["26T01:30"], ("25T00:30", "25T01:30", 2)),
    (SPRING, "30 2 * * *", "apscheduler", {"misfire_policy": "run_all"}, ["29T01:30", "30T00:30"], None),
]


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("outage", "expression", "dialect", "policy", "run", "missed"), TABLE)
def test_an_outage_over_a_change_of_clocks(
    job, claim, prove, session, outage, expression, dialect, policy, run, missed
):
    begun, over = map(at, outage)
    job(begun, cron_expression=expression, cron_dialect=dialect, **policy)

    while claim(over):
        over += timedelta(seconds=1)

    rows = session.scalars(select(JobExecution).order_by(JobExecution.scheduled_for)).all()
    gaps = [
        (f"{row.missed_from:%dT%H:%M}", f"{row.scheduled_for:%dT%H:%M}", row.missed_count)
        for row in rows
        if row.state == "missed"
    ]
    assert [f"{row.scheduled_for:%dT%H:%M}" for row in rows if row.state == "success"] == run
    assert gaps == ([] if missed is None else [missed])
    told = {"run": len(run), "missed": missed[2] if missed else 0}
    assert prove(begun, over) == {verdict: count for verdict, count in told.items() if count}


@pytest.mark.parametrize(("world", "night"), [("sqlite", SPRING), ("postgresql", AUTUMN)], indirect=["world"])
def test_through_a_night_of_outages_every_tick_has_its_row(job, claim, prove, session, night):
    chance = random.Random(6)
    begun = at(night[0]).replace(hour=22, second=30)
    over = begun + timedelta(hours=5)
    number = 0
    for expression in ("*/7 * * * *", "30 2 * * *", "15,45 1-3 * * *", "*/20 2,3 * * *"):
        for dialect in ("standard", "apscheduler"):
            for policy in ({}, {"misfire_policy": "run_all"}, {"misfire_policy": "skip", "overlap_policy": "queue"}):
                number += 1
                job(begun, f"job {number}", cron_expression=expression, cron_dialect=dialect, **policy)

    now = begun
    while now < over:
        claim(now)
        now += timedelta(minutes=chance.choice([1, 1, 1, 1, 2, 25]))
    while claim(over):
        over += timedelta(seconds=1)

    told = prove(begun, over)
    assert told.keys() <= {"run", "missed", "skipped"}
    assert min(told["run"], told["missed"]) > 50
    assert sum(told.values()) == sum(
        1 if row.state != "missed" else row.missed_count for row in session.scalars(select(JobExecution))
    )
