"""Processes that claim, for tests that kill them: `claimer.py JOURNAL NODE READING WRITING ...`.

For each node, named as its stack and a number, one is forked, which hears and speaks through two inherited descriptors.
The clock of `flask-1:-5` is five seconds slow. It says `ready` and its id, waits for a line, claims in small batches
until nothing is due, and says `batch` after each; told `go SECONDS` it goes on, and reaps, for that long at least.
What it executes, it writes to the journal first: one line for each run, appended in one write.
"""

import os
import sys
import time
from datetime import timedelta
from pathlib import Path

from cronjobs.services import runs
from cronjobs.services.calls import Outcome
from cronjobs.settings import load
from crossfade import clock
from crossfade.database.sessions import begin_write
from crossfade.router import Router

BATCH = 5


def claim(journal, node, hearing, speaking):
    def say(word):
        speaking.write(f"{word}\n")
        speaking.flush()

    stack = node.partition("-")[0]
    true = clock.now
    wrong = timedelta(seconds=float(node.partition(":")[2] or 0))
    clock.now = lambda: true() + wrong
    settings = load()
    router = Router(settings, name=f"{stack}:claimer")
    written = os.open(Path(journal), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    say(f"ready {os.getpid()}")
    _, _, seconds = hearing.readline().strip().partition(" ")
    end = time.monotonic() + float(seconds or 0)
    while True:
        with router.session(stack) as session:
            is_due = runs.is_anything_due(session)
            if not is_due and time.monotonic() > end:
                break
            if seconds:
                runs.reap(begin_write(session))
        if not is_due:
            time.sleep(0.02)
            continue
        with router.session(stack) as session:
            claims = runs.claim_due(
                begin_write(session), node=node, stack=stack, zone=settings.zone, limit=BATCH
            ).claims
        for each in claims:
            os.write(written, f"{each.job_id} {each.scheduled_for:%Y-%m-%dT%H:%M} {node}\n".encode())
            with router.session(stack) as session:
                runs.finish(begin_write(session), each, Outcome(ok=True, status=200))
        say("batch")
    say("done")


def main(journal, *nodes):
    for node, reading, writing in zip(nodes[::3], nodes[1::3], nodes[2::3], strict=True):
        if os.fork() == 0:
            for other in {*nodes[1::3], *nodes[2::3]} - {reading, writing}:
                os.close(int(other))
            claim(journal, node, os.fdopen(int(reading)), os.fdopen(int(writing), "w"))
            os._exit(0)
    for other in (*nodes[1::3], *nodes[2::3]):
        os.close(int(other))
    for _ in nodes[::3]:
        os.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
