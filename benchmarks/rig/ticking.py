"""A process that fires, as a server's would: `python -m rig.ticking STACK`. It says so, and ends with its input."""

import sys
from typing import cast

from cronjobs.scheduler.gate import open_scheduler
from cronjobs.settings import load
from crossfade.router import Router
from crossfade.routes import Stack


def main() -> None:
    """Ticks until the input ends."""
    stack = cast("Stack", sys.argv[1])
    settings = load()
    router = Router(settings, name=f"{stack}:bench")
    scheduler = open_scheduler(router, settings, stack)
    print("ready", flush=True)
    sys.stdin.read()
    if scheduler is not None:
        scheduler.stop()
    router.dispose()


if __name__ == "__main__":
    main()
