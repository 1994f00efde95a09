"""The state of the scheduler as Prometheus reads it: what the database says now, and what this process has counted.

Nothing of users or jobs is in it, not even a name. Each look at the database is by an index, and bounded.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session
from typing_extensions import override

from cronjobs.models.executions import DUE, RUNNING
from cronjobs.models.scheduling import OWNERS
from cronjobs.scheduler.measures import LATE_SECONDS, Counted, Measures
from cronjobs.scheduler.nodes import Standing
from cronjobs.services import backlog, executions
from crossfade import clock
from crossfade.routes import STACKS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ALIVE_SECONDS = 30.0
"""How old the last heartbeat of a node may be that counts."""
WINDOW = timedelta(hours=1)
"""Of the runs that are over, those are shown by state that began within it."""


@dataclass(frozen=True)
class Gauges:
    """What the database says: the same whoever is asked."""

    owner: str
    nodes: Mapping[str, int]
    """By stack, those that are alive."""
    due: int
    late_seconds: float
    overdue_seconds: float
    states: Mapping[str, int]
    """By state, the runs that are not over, and those that began within WINDOW."""


def read(session: Session, *, anchored: Standing) -> Gauges:
    """What the database of `session` says; `anchored` is what stands in the anchor database (see `nodes`)."""
    alive = Counter(node.stack for node in anchored.nodes if node.heartbeat_age_seconds <= ALIVE_SECONDS)
    waiting = backlog.look(session)
    return Gauges(
        owner=anchored.switch.owner,
        nodes={stack: alive[stack] for stack in STACKS},
        due=waiting.due,
        late_seconds=waiting.late_seconds,
        overdue_seconds=backlog.overdue_seconds(session),
        states=executions.states(session, since=clock.now() - WINDOW),
    )


def text(gauges: Gauges, measures: Measures) -> bytes:
    """Both in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(gauges, measures.counted()))
    return generate_latest(registry)


class _Collected(Collector):
    def __init__(self, gauges: Gauges, counted: Counted) -> None:
        self._gauges = gauges
        self._counted = counted

    @override
    def collect(self) -> Iterator[Metric]:
        yield from self._gauged()
        yield from self._counted_here()

    def _gauged(self) -> Iterator[Metric]:
        found = self._gauges
        owner = GaugeMetricFamily("cronjobs_scheduler_owner", "1 for whose processes may fire", labels=["owner"])
        for each in OWNERS:
            owner.add_metric([each], float(each == found.owner))
        yield owner
        alive = GaugeMetricFamily("cronjobs_scheduler_nodes", "Processes that tick and are alive", labels=["stack"])
        for stack, count in found.nodes.items():
            alive.add_metric([stack], count)
        yield alive
        yield GaugeMetricFamily("cronjobs_due_runs", "Runs whose time has come and that nobody has begun", found.due)
        yield GaugeMetricFamily("cronjobs_due_seconds", "For how long the oldest of them is due", found.late_seconds)
        yield GaugeMetricFamily(
            "cronjobs_overdue_seconds", "For how long the oldest run is due that nobody takes", found.overdue_seconds
        )
        for name, meaning, states in (
            ("cronjobs_open_runs", "Runs that are not over, by state", (DUE, RUNNING)),
            (
                "cronjobs_recent_runs",
                "Runs that began within the last hour and are over, by state",
                sorted(found.states.keys() - {DUE, RUNNING}),
            ),
        ):
            family = GaugeMetricFamily(name, meaning, labels=["state"])
            for state in states:
                family.add_metric([state], found.states[state])
            yield family

    def _counted_here(self) -> Iterator[Metric]:
        found = self._counted
        started = CounterMetricFamily(
            "cronjobs_attempts_started", "Attempts that this process has begun", labels=["trigger"]
        )
        for trigger, count in found.started.items():
            started.add_metric([trigger], count)
        yield started
        ended = CounterMetricFamily(
            "cronjobs_attempts_ended", "Attempts that came to an end in this process", labels=["trigger", "outcome"]
        )
        for labels, count in found.ended.items():
            ended.add_metric(list(labels), count)
        yield ended
        bounds = [*(str(bound) for bound in LATE_SECONDS), "+Inf"]
        yield HistogramMetricFamily(
            "cronjobs_run_late_seconds",
            "How long after its tick this process has begun a scheduled run",
            buckets=list(zip(bounds, accumulate(found.late), strict=True)),
            sum_value=found.late_sum,
        )
