"""`crossfade worker`: executes runs that are handed to it, on as many machines as there are workers."""

import asyncio
import logging
from typing import Annotated

import typer

from cronjobs.scheduler.commands import databases
from cronjobs.scheduler.executors import chosen
from cronjobs.scheduler.executors.errors import ExecutorError
from cronjobs.scheduler.gate import enabled
from crossfade.cli.answers import tell
from crossfade.routes import Stack

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def worker(
    *,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, max=400, help="Runs at once.")] = 20,
    stack: Annotated[
        Stack, typer.Option("--stack", help="Whose database: where the stacks have two, each needs workers.")
    ] = "flask",
    init: Annotated[
        bool, typer.Option("--init", help="Make or upgrade the queue's tables, in a schema of their own, and end.")
    ] = False,
) -> None:
    """Execute runs that are handed to workers, until SIGTERM.

    Needs PostgreSQL and SCHEDULER_EXECUTOR=procrastinate, on the web processes too: these claim what is due and put it
    into the queue, in one transaction. Run `crossfade worker --init` once, and after each upgrade of Procrastinate.

    Exit code: 0 ended in order; 2 the configuration can't be used; 3 a database can't be reached.
    """
    with databases.opened(as_json=False) as opened:
        if opened.settings.scheduler_executor == "local":
            raise ExecutorError("SCHEDULER_EXECUTOR is local: no run is handed to workers")
        executor = chosen(opened.settings)
        executor.refuse(opened.router.route(stack))
        # Behind the choice, which says what is not installed.
        from cronjobs.scheduler.executors import queue  # noqa: PLC0415 - behind the extra
        from cronjobs.scheduler.executors.worker import Worker  # noqa: PLC0415 - behind the extra

        if init:
            version = queue.make(opened.router.engine(stack))
            tell(f"the queue in {opened.router.route(stack).masked} is as Procrastinate wants it ({version})")
            return
        if not enabled(opened.settings):
            raise ExecutorError("SCHEDULER_ENABLED is false, or this is a test run: nothing is executed")
        with opened.router.session(stack) as session:
            if not queue.is_there(session):
                raise ExecutorError("the database has no queue: run `crossfade worker --init`")
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        logging.getLogger("procrastinate").setLevel(logging.WARNING)
        made = Worker(opened.router, opened.settings, executor, stack=stack, concurrency=concurrency)
        asyncio.run(made.run())
