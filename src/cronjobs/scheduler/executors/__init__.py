"""Who executes a run that is due: the process that claims it, or a worker that it is handed to.

All that differs stands behind `Executor`. Whose a run is, what is recorded of it, and whether it is tried again, is
decided by the rows of `cronjobs.services.runs` either way, in whatever order and however often runs are handed over.
"""

from cronjobs.scheduler.executors.choice import chosen
from cronjobs.scheduler.executors.interface import Executor, Taken

__all__ = ["Executor", "Taken", "chosen"]
