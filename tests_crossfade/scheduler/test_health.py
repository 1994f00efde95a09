"""Health says that due runs are begun by nobody, where somebody should."""

from datetime import timedelta

import pytest

from cronjobs.services import control, health


@pytest.mark.parametrize(
    ("ago", "enabled", "owner", "status"),
    [
        (60, True, "both", "degraded"),
        (60, True, "fastapi", "degraded"),
        (5, True, "both", "healthy"),
        (-60, True, "both", "healthy"),
        (60, False, "both", "healthy"),
        (60, True, "off", "healthy"),
    ],
)
def test_runs_that_are_overdue_degrade(session, write, add_job, router, ago, enabled, owner, status):
    add_job("due", ago=timedelta(seconds=ago))
    write(control.turn, None, owner, by="the test")

    found = health.look(session, stack="flask", router=router, scheduler_running=False, enabled=enabled)

    assert (found.status, found.database.reachable) == (status, True)
    assert max(ago, 0) <= found.overdue_seconds < max(ago, 0) + 25
