"""A process that claims and runs nothing: `python -m rig.claiming STACK`. It waits for a line, and says what it got."""

import sys
import time
from typing import cast

from cronjobs.services import runs
from cronjobs.settings import load
from crossfade.database.sessions import begin_write
from crossfade.router import Router
from crossfade.routes import Stack


def main() -> None:
    """Claims until nothing is due, then prints how many it got and when it was done."""
    stack = cast("Stack", sys.argv[1])
    settings = load()
    router = Router(settings, name=f"{stack}:bench")
    with router.session(stack) as session:
        runs.is_anything_due(session)  # connects
    print("ready", flush=True)
    sys.stdin.readline()
    claimed, node = 0, f"{stack}:bench:{id(router)}"
    while True:
        with router.session(stack) as session:
            dealt = runs.claim_due(begin_write(session), node=node, stack=stack, zone=settings.zone)
            due = dealt.count > 0 or runs.is_anything_due(session)
        claimed += len(dealt.claims)
        if not due:
            break
    print(claimed, time.time(), flush=True)
    router.dispose()


if __name__ == "__main__":
    main()
