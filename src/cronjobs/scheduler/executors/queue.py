"""The tables of Procrastinate, in a schema of their own within the application's PostgreSQL database.

There they are no part of the application's schema: `init --check` doesn't look at them, and no copy takes them along.
Nothing in them is the truth of anything: a task that is lost is handed over again.
"""

import importlib.resources
import re
from collections.abc import Sequence

from procrastinate import App, SyncPsycopgConnector
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from cronjobs.scheduler.executors.errors import ExecutorError
from crossfade.routes import Route

SCHEMA = "crossfade_queue"
QUEUE = "runs"
TASK = "cronjobs.run"

_TURN = 0x63726F6E71756575
"""Of those who make the tables or sweep, one at a time; the number is any that nobody else uses."""
SEEN = f"SELECT set_config('search_path', current_setting('search_path') || ', {SCHEMA}', true)"
_TASKS = f"SELECT to_regclass('{SCHEMA}.procrastinate_jobs')"
_WAITING = f"SELECT queueing_lock FROM {SCHEMA}.procrastinate_jobs WHERE status = 'todo' AND queueing_lock = ANY(:ids)"  # noqa: S608 - a constant
_VERSION = f"SELECT obj_description(to_regnamespace('{SCHEMA}'))"


def refuse_others(route: Route) -> None:
    """Raises ExecutorError for a database that can hold no queue."""
    if route.url.drivername != "postgresql":
        raise ExecutorError(
            f"SCHEDULER_EXECUTOR=procrastinate needs PostgreSQL, and the {route.stack} stack is on {route.masked}: "
            "unset SCHEDULER_EXECUTOR, or move to PostgreSQL with `crossfade copy`"
        )


def is_there(session: Session) -> bool:
    """Whether the tables were made."""
    return session.scalar(text(_TASKS)) is not None


def make(engine: Engine) -> str:
    """Makes the tables, or brings them to the installed version of Procrastinate; says which. Twice is once."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        connection.execute(text(f"SET LOCAL search_path = {SCHEMA}"))
        if connection.scalar(text(_TASKS)) is None:
            _run(connection, SchemaManager.get_schema())
        else:
            for script in _newer_than(connection.scalar(text(_VERSION)) or ""):
                _run(connection, script)
        newest = _scripts()[-1][0]
        connection.exec_driver_sql(f"COMMENT ON SCHEMA {SCHEMA} IS '{newest}'")
        return newest


def hand_over(session: Session, execution_ids: Sequence[str]) -> None:
    """A task for each of these runs, which have none, in the transaction of `session`."""
    if not execution_ids:
        return
    session.execute(text(SEEN))
    app = App(connector=SyncPsycopgConnector())
    tasks = [
        app.configure_task(TASK, queue=QUEUE, queueing_lock=each).make_new_job(execution_id=each)
        for each in execution_ids
    ]
    app.job_manager.batch_defer_jobs(tasks, connection=session.connection().connection.driver_connection)


def without_task(session: Session, execution_ids: Sequence[str]) -> list[str]:
    """Those of the runs that have no task waiting.

    None while another transaction looks after them: of two that gave a run a task, one would be taken back whole.
    """
    if not execution_ids or not session.scalar(text("SELECT pg_try_advisory_xact_lock(:turn)"), {"turn": _TURN}):
        return []
    waiting = set(session.scalars(text(_WAITING), {"ids": list(execution_ids)}))
    return [each for each in execution_ids if each not in waiting]


def _run(connection: Connection, script: str) -> None:
    # Without arguments the driver sends the script as it is, with all its statements.
    connection.exec_driver_sql(script.replace("%", "%%"))


def _newer_than(version: str) -> list[str]:
    return [script for name, script in _scripts() if name > version]


def _scripts() -> list[tuple[str, str]]:
    """Procrastinate's migrations in their order, by name; a name begins with the version that brought it."""
    folder = importlib.resources.files("procrastinate.sql") / "migrations"
    found = [each for each in folder.iterdir() if re.match(r"\d.*\.sql$", each.name)]
    return sorted((each.name.removesuffix(".sql"), each.read_text(encoding="utf-8")) for each in found)
