"""A process that claims, for tests that kill it: `claimer.py STACK NODE JOURNAL`.

It says `ready`, waits for a line, claims in small batches until nothing is due, and says `batch` after each. What it
executes, it writes to the journal first: one line for each run, appended in one write.
"""

import os
import sys
from pathlib import Path

from cronjobs.services import runs
from cronjobs.services.calls import Outcome
from cronjobs.settings import load
from crossfade.database.sessions import begin_write
from crossfade.router import Router

BATCH = 5


def say(word):
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(stack, node, journal):
    settings = load()
    router = Router(settings, name=f"{stack}:claimer")
    written = os.open(Path(journal), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    say("ready")
    sys.stdin.readline()
    while True:
        with router.session(stack) as session:
            if not runs.is_anything_due(session):
                break
            claims = runs.claim_due(begin_write(session), node=node, stack=stack, zone=settings.zone, limit=BATCH)
        for claim in claims:
            os.write(written, f"{claim.job_id} {claim.scheduled_for:%Y-%m-%dT%H:%M} {node}\n".encode())
            with router.session(stack) as session:
                runs.finish(begin_write(session), claim, Outcome(ok=True, status=200))
        say("batch")
    say("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
