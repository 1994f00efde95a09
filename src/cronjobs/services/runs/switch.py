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
_AT_ONCE = 1000


def may_fire(session: Session, stack: Stack) -> bool:
    """Whether the processes of `stack` may fire: the switch of the session's database, as this transaction sees it."""
    owner = session.scalar(select(SchedulerControl.owner).where(SchedulerControl.id == _CONTROL))
    return owner in {None, BOTH, stack}


def of_anchor(anchor: Session | None, job_ids: Collection[str]) -> set[str]:
    """Those of the jobs that the anchor has too; none where there is no other database than the anchor."""
    if anchor is None:
        return set()
    found: set[str] = set()
    asked = list(job_ids)
    for start in range(0, len(asked), _AT_ONCE):
        found.update(anchor.scalars(select(Job.id).where(Job.id.in_(asked[start : start + _AT_ONCE]))))
    return found
