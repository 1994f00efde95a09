"""Whatever processes do, and wherever they die: no tick is lost, none is run twice, no run is stuck. On both databases.

Time is virtual. A node is what a process remembers: its claims. It may die between any two steps, and within each that
writes, before the commit; a node that was frozen past its leases and comes back is one that goes on with old claims.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, select

from cronjobs.models import Job, JobExecution, Notification
from cronjobs.models.executions import STATUS_OF
from cronjobs.models.jobs import CRASH_POLICIES, MISFIRE_POLICIES, OVERLAP_POLICIES
from cronjobs.services import runs
from cronjobs.services.calls import Outcome
from cronjobs.services.runs import leases
from crossfade import clock
from crossfade.database.sessions import begin_write

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NODES = ("a", "b", "c")
OPEN = {"due", "running"}

nodes = strategies.sampled_from(NODES)
jobs = strategies.fixed_dictionaries(
    {
        "misfire_policy": strategies.sampled_from(MISFIRE_POLICIES),
        "misfire_grace_seconds": strategies.sampled_from([None, 0, 90, 600]),
        "overlap_policy": strategies.sampled_from(OVERLAP_POLICIES),
        "on_crash": strategies.sampled_from(CRASH_POLICIES),
        "max_retries": strategies.integers(0, 2),
        "retry_delay_seconds": strategies.sampled_from([0, 60]),
    }
)


def most_attempts(job):
    return 1 + max(job.max_retries, int(job.on_crash == "retry"))


def machine(router, zone):
    """The machine on a database."""

    class Scheduling(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.now = NOON
            self.claims = {node: [] for node in NODES}
            self.calls = Counter()

        def write(self, service, *args, dies=False, **kwargs):
            """A unit of work; None if the process dies within it, before the commit."""
            with router.session_factory("flask")() as session:
                result = service(begin_write(session), *args, now=self.now, **kwargs)
                session.flush()
                if dies:
                    session.rollback()
                    return None
                session.commit()
                return result

        @initialize(wanted=strategies.lists(jobs, min_size=1, max_size=3))
        def begin(self, wanted):
            with router.session("flask") as session:
                for table in (Notification, JobExecution, Job):
                    session.execute(delete(table))
                for number, policies in enumerate(wanted):
                    stamps = dict.fromkeys(("created_at", "updated_at", "planned_at"), clock.naive_utc(NOON))
                    session.add(
                        Job(
                            name=f"job {number}",
                            cron_expression="* * * * *",
                            target_url="http://127.0.0.1:9/",
                            next_run_at=clock.naive_utc(NOON),
                            **stamps,
                            **policies,
                        )
                    )

        @rule(seconds=strategies.sampled_from([1, 20, 61, 130, 400]))
        def time_passes(self, seconds):
            self.now += timedelta(seconds=seconds)

        @rule(node=nodes, limit=strategies.sampled_from([1, 3, 50]), dies=strategies.booleans())
        def a_node_claims(self, node, limit, dies):
            options = {"node": node, "stack": "flask", "zone": zone, "limit": limit}
            if dealt := self.write(runs.claim_due, dies=dies, **options):
                self.claims[node] += dealt.claims

        @rule(node=nodes, ok=strategies.booleans(), dies=strategies.booleans())
        @precondition(lambda self: any(self.claims.values()))
        def a_run_is_called_and_finished(self, node, ok, dies):
            if not self.claims[node]:
                return
            claim = self.claims[node].pop(0)
            self.calls[claim.execution_id, claim.attempt] += 1
            self.write(runs.finish, claim, Outcome(ok=ok, error=None if ok else "It failed."), dies=dies)

        @rule(node=nodes)
        @precondition(lambda self: any(self.claims.values()))
        def a_node_finishes_all(self, node):
            claims, self.claims[node] = self.claims[node], []
            self.calls.update((claim.execution_id, claim.attempt) for claim in claims)
            self.write(runs.finish_all, [(claim, Outcome(ok=True)) for claim in claims])

        @rule(node=nodes)
        def a_node_dies(self, node):
            self.claims[node] = []

        @rule(node=nodes)
        def a_node_stops(self, node):
            self.write(runs.abandon, self.claims[node])
            self.claims[node] = []

        @rule(node=nodes, dies=strategies.booleans())
        def a_node_renews(self, node, dies):
            mine = [claim.execution_id for claim in self.claims[node]]
            self.write(runs.renew, node=node, execution_ids=mine, dies=dies)

        @rule(dies=strategies.booleans())
        def somebody_reaps(self, dies):
            self.write(runs.reap, dies=dies)

        @rule(node=nodes)
        def somebody_runs_a_job_by_hand(self, node):
            with router.session("flask") as session:
                job = session.scalar(select(Job).order_by(Job.name).limit(1).with_for_update())
                self.claims[node].append(runs.begin_manual(begin_write(session), job, owner=node, now=self.now))

        @invariant()
        def all_is_well(self):
            with router.session("flask") as session:
                known = {job.id: job for job in session.scalars(select(Job))}
                found = session.scalars(select(JobExecution)).all()
                covered, side_by_side = Counter(), Counter()
                for run in found:
                    job = known[run.job_id]
                    assert run.status == STATUS_OF[run.state]
                    assert (run.state == "running") == (run.lease_until is not None)
                    assert (run.state == "due") == (run.due_at is not None)
                    assert (run.state in OPEN) == (run.completed_at is None)
                    assert run.attempt <= (most_attempts(job) if run.scheduled_for else 1)
                    if run.scheduled_for:
                        covered[job.id] += run.missed_count or 1
                        side_by_side[job.id] += run.state == "running"
                for job in known.values():
                    # Each tick up to the next one has its row: none is lost, and none is there twice.
                    assert covered[job.id] == (job.next_run_at - clock.naive_utc(NOON)) / MINUTE
                    assert job.overlap_policy == "allow" or side_by_side[job.id] <= 1
            assert max(self.calls.values(), default=0) <= 1

        def teardown(self):
            """Everybody dies; two leases later nothing is stuck, and what is due can be run to its end."""
            self.now += 2 * leases.LEASE
            self.write(runs.reap)
            with router.session("flask") as session:
                assert session.scalars(select(JobExecution.id).where(JobExecution.state == "running")).all() == []
            for _ in range(300):
                claims = self.write(runs.claim_due, node="z", stack="flask", zone=zone).claims
                if not claims:
                    break
                self.write(runs.finish_all, [(claim, Outcome(ok=True)) for claim in claims])
                self.now += timedelta(milliseconds=1)
            self.now += timedelta(minutes=5)
            self.all_is_well()

    return Scheduling


def test_no_tick_is_lost_or_run_twice_and_no_run_is_stuck_wherever_processes_die(router, world):
    run_state_machine_as_test(
        machine(router, world.settings.zone),
        settings=settings(
            max_examples=8,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
