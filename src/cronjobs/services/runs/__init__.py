"""Runs, as the database sees them: planned, claimed, finished, and taken from the dead.

`states` says where a run stands and may go, `policies` decides what becomes of the late, the failed and the dead;
`planning` says when a job is due next, `owing` what becomes of ticks whose job is changed before they are claimed;
`claiming` takes what is due, `waiting` is about runs that wait for their turn,
`manual` begins what somebody asks for, `ending` writes down how it went or that nobody knows; `leases` and `moments`
say for how long a run is somebody's, and by which clock; `switch`, whose processes may fire.

Calling targets is left to `cronjobs.scheduler`, what an expression means to `services.cron`.
"""

from cronjobs.services.runs.claiming import BATCH, Dealt, claim_due, enqueue_due, is_anything_due
from cronjobs.services.runs.ending import REAPED_AT_ONCE, abandon, finish, finish_all, reap, renew
from cronjobs.services.runs.manual import begin_manual
from cronjobs.services.runs.planning import REPLANNED_AT_ONCE, is_anything_unplanned, plan, replan
from cronjobs.services.runs.switch import may_fire
from cronjobs.services.runs.waiting import take, takeable

__all__ = [
    "BATCH",
    "REAPED_AT_ONCE",
    "REPLANNED_AT_ONCE",
    "Dealt",
    "abandon",
    "begin_manual",
    "claim_due",
    "enqueue_due",
    "finish",
    "finish_all",
    "is_anything_due",
    "is_anything_unplanned",
    "may_fire",
    "plan",
    "reap",
    "renew",
    "replan",
    "take",
    "takeable",
]
