"""A process of a drill: `python -m cronjobs.scheduler.drill.actor LEASE MODULE ARGUMENTS...` runs a module.

LEASE is in seconds. A drill of a minute can't wait for leases of a minute; everything else is as it always is.
"""

import runpy
import sys
from datetime import timedelta

from cronjobs.services.runs import leases


def main() -> None:
    """Never returns before the module does."""
    _, lease, module, *arguments = sys.argv
    leases.LEASE = timedelta(seconds=float(lease))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
