"""Whose processes may fire, and which jobs of a second database are fired there.

The switch of the anchor rules in both databases. A job that was copied from one into the other is in both: then it is
the anchor's, and is fired there alone.
"""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.models import Job, SchedulerControl
from cronjobs.models.scheduling import BOTH
from crossfade.routes import Stack

_CONTROL = 1


def may_fire(session: Session, stack: Stack) -> bool:
    """Whether the processes of `stack` may fire: the switch of the session's database, as this transaction sees it."""
    owner = session.scalar(select(SchedulerControl.owner).where(SchedulerControl.id == _CONTROL))
    return owner in {None, BOTH, stack}


def of_anchor(anchor: Session | None, job_ids: Collection[str]) -> set[str]:
    """Those of the jobs that the anchor has too; none where there is no other database than the anchor."""
    if anchor is None or not job_ids:
        return set()
    return set(anchor.scalars(select(Job.id).where(Job.id.in_(job_ids))))
