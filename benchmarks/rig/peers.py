"""What others would use for the same load, as a process: `python -m rig.peers WAY STORE TARGET JOBS THREADS`.

It says "ready", reads the instant at which all jobs are due, and ends with its input. Nothing of the runs is recorded
by any of them: they have no place for it.
"""

import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from urllib.request import ProxyHandler, build_opener

from apscheduler.executors.pool import ThreadPoolExecutor as Threads
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

_TIMEOUT = 60.0


def call(url: str) -> None:
    """One run."""
    with build_opener(ProxyHandler({})).open(url, timeout=_TIMEOUT) as answer:
        answer.read()


def main() -> None:
    """Runs the way that is asked for."""
    way, store, target, jobs, threads = sys.argv[1:]
    logging.disable()  # what it drops is counted, and would be a line each
    {"apscheduler": apscheduler, "pool": pool}[way](store, target, int(jobs), int(threads))


def apscheduler(store: str, target: str, jobs: int, threads: int) -> None:
    """APScheduler 3 with its SQLAlchemy store. 0 threads: its defaults, ten and one second of grace."""
    grace = {} if threads == 0 else {"misfire_grace_time": None}
    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(url=store)},
        executors={"default": Threads(threads or 10)},
        job_defaults=grace,
        timezone=UTC,
    )
    print("ready", flush=True)
    due = datetime.fromtimestamp(float(sys.stdin.readline()), UTC)
    schedule = {name: getattr(due, name) for name in ("month", "day", "hour", "minute", "second")}
    scheduler.start(paused=True)
    for number in range(jobs):
        scheduler.add_job(call, "cron", args=(f"{target}/hook/{number}",), id=str(number), **schedule)
    scheduler.resume()
    print("armed", flush=True)
    sys.stdin.read()
    scheduler.shutdown(wait=False)


def pool(_store: str, target: str, jobs: int, threads: int) -> None:
    """A loop that sleeps until the instant, and threads."""
    with ThreadPoolExecutor(threads) as executor:
        print("ready", flush=True)
        due = float(sys.stdin.readline())
        print("armed", flush=True)
        time.sleep(max(due - time.time(), 0))
        for number in range(jobs):
            executor.submit(partial(call, f"{target}/hook/{number}"))
        sys.stdin.read()


if __name__ == "__main__":
    main()
