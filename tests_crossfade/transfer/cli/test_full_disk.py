"""A disk that is full in the midst of a copy: the system gives the process no room for larger files."""

import pytest

ROOM = 2_000_000
LIMITED = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({ROOM}, {ROOM}))
from crossfade.cli import main
main()
"""
EVENT = (
    "INSERT INTO audit_events (id, occurred_at, action, kind, subject_id, subject_name, changes)"
    " VALUES ('{}', '2026-01-01', 'create', 'job', 'j1', 'Nightly', '\"' || hex(zeroblob({})) || '\"')"
)


@pytest.fixture(autouse=True)
def _at_home(home):
    """Every test here is about our application."""


@pytest.mark.parametrize(
    ("there", "told"),
    [
        ([], "Nothing was copied; once the cause is gone, call it again"),
        ([EVENT.format("short", 1)], "Nothing was changed; once the cause is gone, call it again"),
    ],
    ids=["into an empty database", "into one with rows"],
)
def test_the_reason_is_told_and_nothing_is_half_done(apart, pair, here, run, there, told):
    old, new = pair()
    run(old, EVENT.format("long", ROOM))
    for one in there:
        run(new, one)

    failed = apart("-c", LIMITED, "copy", "--on-conflict", "skip")
    after = run(new, "SELECT count(*) FROM audit_events")

    assert (failed.returncode, after) == (1, [(len(there),)])
    assert "disk" in failed.stderr.splitlines()[-1]
    assert told in failed.stderr.splitlines()[-1]
    assert here("copy", "--on-conflict", "skip").returncode == 0
