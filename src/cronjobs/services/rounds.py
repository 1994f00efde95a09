"""Rounds of the upkeep that happen once, whoever ticks: who inserts the row of a round, does it.

As with runs, the row is inserted in the transaction that does the work: what is rolled back is open to others again.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from cronjobs.models import UpkeepClaim
from crossfade import clock
from crossfade.database.sessions import WriteSession

KEPT = timedelta(weeks=8)
"""How long a round is remembered."""


def is_open(session: Session, chore: str, due_at: datetime) -> bool:
    """Whether nobody has taken the round of `due_at` (aware): a look that takes no lock."""
    return session.get(UpkeepClaim, (chore, clock.naive_utc(due_at))) is None


def take(session: WriteSession, chore: str, due_at: datetime, *, owner: str) -> bool:
    """Takes the round of `due_at` (aware) for `owner`; False if somebody has. Forgets rounds of long ago."""
    due = clock.naive_utc(due_at)
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    inserted = session.scalar(
        dialect.insert(UpkeepClaim)
        .values(chore=chore, due_at=due, owner=owner, claimed_at=clock.naive_utc())
        .on_conflict_do_nothing(index_elements=["chore", "due_at"])
        .returning(UpkeepClaim.chore)
    )
    if inserted is None:
        return False
    session.execute(
        delete(UpkeepClaim)
        .where(UpkeepClaim.chore == chore, UpkeepClaim.due_at < due - KEPT)
        .execution_options(synchronize_session=False)
    )
    return True
