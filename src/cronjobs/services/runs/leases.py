"""How long a run is believed to be somebody's."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_

from cronjobs.models import JobExecution
from cronjobs.models.executions import RUNNING

LEASE = timedelta(seconds=60)
"""How long a run belongs to its owner without a renewal."""
LEGACY_PATIENCE = timedelta(hours=1)
"""How long a running row without a lease, of the legacy application, is believed."""

_EVER = datetime(1970, 1, 1)  # noqa: DTZ001 - as stored


def are_held() -> ColumnElement[bool]:
    """Whether runs go on, under a lease, which the legacy application's have not: found by an index over few rows."""
    # Not `IS NOT NULL`: SQLite looks that up in no index.
    return and_(JobExecution.status == RUNNING, JobExecution.lease_until > _EVER)
