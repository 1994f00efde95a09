"""Flask and FastAPI side by side: the same requests to both, on SQLite and on PostgreSQL, in one run.

Each stack is one process of its usual server. All are asked in turns, in short rounds, so that whatever else the
machine does hits them alike: read the ratios and the processor time of a request, rather than the numbers. The list of
executions is asked of a bare FastAPI application too, which says what the layers cost.
"""

import asyncio
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

from rich.console import Console
from rich.table import Table
from rig import content, load, processor
from rig.load import Measured, Question
from rig.serving import Served, served
from sqlalchemy import URL

from crossfade import clock
from crossfade.testing.postgres import embedded

ROUNDS = 4
SECONDS = 0.7
"""How long a round asks."""
WARMING = 0.1
"""How long the first one does, which fills pools and caches and isn't counted."""
PATIENCE = 8.0
"""After so many seconds no further round of a question begins, for machines that are slow or busy."""

_numbers = count(1)


def _new_job() -> dict[str, Any]:
    return {
        "name": f"Made while measuring {next(_numbers)}",
        "cron_expression": "0 3 * * *",
        "end_date": (clock.now() + timedelta(days=30)).date().isoformat(),
        "pic_team": content.TEAMS[0],
        "target_url": "https://example.com/hook",
        "metadata": {"branchDetails": "main"},
    }


def _credentials() -> dict[str, Any]:
    return {"username": content.USERNAME, "password": content.PASSWORD}


EXECUTIONS = Question("list of executions", "/executions?page=1&limit=20")


def _questions(servers: Served) -> list[Question]:
    # A target that answers at once: what is measured is the two transactions and the call between them.
    hook = {"target_url": f"{servers.bases['bare']}/hook"}
    return [
        Question("health", "/health"),
        Question("login", "/auth/login", method="POST", body=_credentials),
        Question("list of jobs", "/jobs?page=1"),
        EXECUTIONS,
        # The last ones, because the others would see what they make.
        Question("execute", f"/jobs/{content.WEBHOOK_JOB}/execute", method="POST", body=lambda: hook),
        Question("create job", "/jobs", method="POST", body=_new_job, status=201),
    ]


def main() -> None:
    """Measures and prints, a table for each database."""
    console = Console(width=100)
    for database in ("SQLite", "PostgreSQL"):
        with _place(database) as url, served(url) as servers:
            results = asyncio.run(_measured(servers))
        console.print(_table(database, results))


@contextmanager
def _place(database: str) -> Generator[URL | None]:
    if database == "SQLite":
        yield None
    else:
        with embedded() as server:
            yield server.database("bench")


async def _measured(servers: Served) -> dict[tuple[str, str], Measured]:
    """What each server did, by question and server."""
    await _refuse_differences(servers)
    results: dict[tuple[str, str], Measured] = {}
    for question in _questions(servers):
        asked = list(servers.bases) if question is EXECUTIONS else ["flask", "fastapi"]
        for server in asked:
            results[question.name, server] = Measured()
            await _put(question, servers, server, seconds=WARMING, into=Measured())
        begun = time.monotonic()
        for number in range(ROUNDS):
            if time.monotonic() - begun > PATIENCE:
                break
            for server in asked if number % 2 == 0 else reversed(asked):
                await _put(question, servers, server, seconds=SECONDS, into=results[question.name, server])
    return results


async def _put(question: Question, servers: Served, server: str, *, seconds: float, into: Measured) -> None:
    before = processor.spent(servers.sessions[server])
    await load.put(question, servers.bases[server], token=servers.token, seconds=seconds, into=into)
    after = processor.spent(servers.sessions[server])
    into.computed = None if into.computed is None or before is None or after is None else into.computed + after - before


async def _refuse_differences(servers: Served) -> None:
    """To compare servers that give different answers would mean nothing."""
    answers = [await load.answer(EXECUTIONS, base, token=servers.token) for base in servers.bases.values()]
    if any(answer != answers[0] for answer in answers):
        raise RuntimeError(f"the servers don't agree on the list of executions: {answers}")


def _table(database: str, results: dict[tuple[str, str], Measured]) -> Table:
    table = Table(title=f"{database}, {load.AT_ONCE} requests at once", title_justify="left")
    table.add_column("request")
    table.add_column("server")
    for heading in ("requests/s", "to Flask", "to bare", "p50 ms", "p99 ms", "CPU ms"):
        table.add_column(heading, justify="right")
    for (question, server), measured in results.items():
        if server == "flask":
            table.add_section()
        bare = results.get((question, "bare"))
        table.add_row(
            question if server == "flask" else "",
            server,
            f"{measured.per_second:.0f}",
            _ratio(measured, results[question, "flask"]),
            "" if bare is None else _ratio(measured, bare),
            f"{measured.milliseconds(0.5):.1f}",
            f"{measured.milliseconds(0.99):.1f}",
            "" if (computed := measured.milliseconds_computed) is None else f"{computed:.2f}",
        )
    return table


def _ratio(measured: Measured, reference: Measured) -> str:
    return f"{measured.per_second / reference.per_second:.2f}"


if __name__ == "__main__":
    main()
