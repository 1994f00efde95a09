"""The job that somebody means by its id or its name, in whichever database it is."""

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from cronjobs.models import Job
from cronjobs.services.errors import NotFoundError


def job(sessions: Sequence[Session], named: str) -> tuple[int, Job]:
    """The number of the database and the job; the anchor's if several databases have it. Raises NotFoundError."""
    for number, session in enumerate(sessions):
        found = session.scalars(select(Job).where(or_(Job.id == named, Job.name == named))).all()
        # A name may be another job's id: then the id is meant.
        best = next((each for each in found if each.id == named), found[0] if found else None)
        if best is not None:
            return number, best
    raise NotFoundError(f"There is no job with the id or the name {named!r}.", error="Job not found")
