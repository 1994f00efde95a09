"""Databases for `init`: real ones of both kinds, empty or as the legacy application made them."""

import dataclasses
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Connection, create_engine, event, inspect
from sqlalchemy.pool import NullPool

from crossfade import revisions
from crossfade.cli import init
from crossfade.project import Project
from crossfade.routes import Route, resolve
from crossfade.settings import Settings
from crossfade.testing import postgres

REPOSITORY = Path(__file__).parents[2]

# As the legacy application's create_all wrote them: no server default, no name for a unique constraint or foreign key.
LEGACY = {
    "users": """
        id VARCHAR(36) NOT NULL, username VARCHAR(80) NOT NULL, email VARCHAR(120) NOT NULL,
        password_hash VARCHAR(255) NOT NULL, role VARCHAR(20) NOT NULL, is_active BOOLEAN NOT NULL,
        created_at DATETIME, updated_at DATETIME, PRIMARY KEY (id)""",
    "job_categories": """
        id VARCHAR(36) NOT NULL, slug VARCHAR(100) NOT NULL, name VARCHAR(255) NOT NULL, is_active BOOLEAN NOT NULL,
        created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL, PRIMARY KEY (id)""",
    "pic_teams": """
        id VARCHAR(36) NOT NULL, slug VARCHAR(100) NOT NULL, name VARCHAR(255) NOT NULL,
        slack_handle VARCHAR(255), is_active BOOLEAN NOT NULL,
        created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL, PRIMARY KEY (id)""",
    "slack_settings": """
        id VARCHAR(36) NOT NULL, is_enabled BOOLEAN NOT NULL, webhook_url TEXT, channel VARCHAR(255),
        created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL, PRIMARY KEY (id)""",
    "jobs": """
        id VARCHAR(36) NOT NULL, name VARCHAR(255) NOT NULL, cron_expression VARCHAR(100) NOT NULL,
        target_url VARCHAR(500), github_owner VARCHAR(255), github_repo VARCHAR(255),
        github_workflow_name VARCHAR(255), job_metadata TEXT, category VARCHAR(100) NOT NULL,
        end_date DATE, pic_team VARCHAR(100), enable_email_notifications BOOLEAN NOT NULL,
        notification_emails TEXT, notify_on_success BOOLEAN NOT NULL, created_by VARCHAR(36),
        is_active BOOLEAN NOT NULL, created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL, PRIMARY KEY (id),
        UNIQUE (name), FOREIGN KEY(created_by) REFERENCES users (id)""",
    "user_notification_preferences": """
        id VARCHAR(36) NOT NULL, user_id VARCHAR(36) NOT NULL, email_on_job_success BOOLEAN NOT NULL,
        email_on_job_failure BOOLEAN NOT NULL, email_on_job_disabled BOOLEAN NOT NULL,
        browser_notifications BOOLEAN NOT NULL, daily_digest BOOLEAN NOT NULL, weekly_report BOOLEAN NOT NULL,
        created_at DATETIME, updated_at DATETIME, PRIMARY KEY (id),
        UNIQUE (user_id), FOREIGN KEY(user_id) REFERENCES users (id)""",
    "user_ui_preferences": """
        id VARCHAR(36) NOT NULL, user_id VARCHAR(36) NOT NULL, jobs_table_columns TEXT,
        created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL, PRIMARY KEY (id),
        UNIQUE (user_id), FOREIGN KEY(user_id) REFERENCES users (id)""",
    "job_executions": """
        id VARCHAR(36) NOT NULL, job_id VARCHAR(36) NOT NULL, status VARCHAR(20) NOT NULL,
        trigger_type VARCHAR(20) NOT NULL, started_at DATETIME NOT NULL, completed_at DATETIME,
        duration_seconds FLOAT, execution_type VARCHAR(50), target VARCHAR(500), response_status INTEGER,
        error_message TEXT, output TEXT, PRIMARY KEY (id),
        FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE""",
    "notifications": """
        id VARCHAR(36) NOT NULL, user_id VARCHAR(36) NOT NULL, title VARCHAR(255) NOT NULL, message TEXT NOT NULL,
        type VARCHAR(50) NOT NULL, related_job_id VARCHAR(36), related_execution_id VARCHAR(36),
        is_read BOOLEAN NOT NULL, read_at DATETIME, created_at DATETIME NOT NULL, PRIMARY KEY (id),
        FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE,
        FOREIGN KEY(related_job_id) REFERENCES jobs (id) ON DELETE SET NULL,
        FOREIGN KEY(related_execution_id) REFERENCES job_executions (id) ON DELETE SET NULL""",
}

LEGACY_INDEXES = {
    "users": ("UNIQUE INDEX ix_users_username ON users (username)", "UNIQUE INDEX ix_users_email ON users (email)"),
    "job_categories": ("UNIQUE INDEX ix_job_categories_slug ON job_categories (slug)",),
    "pic_teams": ("UNIQUE INDEX ix_pic_teams_slug ON pic_teams (slug)",),
    "job_executions": ("INDEX ix_job_executions_job_id ON job_executions (job_id)",),
}

# Years of use, and what went wrong in them. Text is in quotes that both databases understand.
LEGACY_ROWS = """
INSERT INTO users VALUES
 ('u1', 'Anna', 'anna@example.com', '$pbkdf2-sha256$29000$c2FsdA$aGFzaA', 'admin', TRUE,
  '2023-01-02 03:04:05.000006', NULL),
 ('u2', 'anna', 'Anna@example.com', 'x', 'viewer', FALSE, NULL, NULL);
INSERT INTO job_categories VALUES
 ('c1', 'general', 'General', TRUE, '2023-01-01', '2023-01-01'),
 ('c2', 'renamed', 'Renamed', FALSE, '2023-01-01', '2023-01-01');
INSERT INTO slack_settings VALUES
 ('s1', TRUE, 'https://hooks.example.com/T0', '#ops', '2023-01-01', '2023-01-01');
INSERT INTO jobs (id, name, cron_expression, job_metadata, category, enable_email_notifications,
  notify_on_success, created_by, is_active, created_at, updated_at) VALUES
 ('j1', 'weekdays', '0 9 * * 1-5', '[1, 2]', 'general', FALSE, FALSE, 'u1', TRUE, '2023-01-01', '2023-01-01'),
 ('j2', 'hourly', '0 * * * *', '{"a": 1}', 'gone', FALSE, FALSE, NULL, FALSE, '2023-01-01', '2023-01-01'),
 ('j3', 'Ünïcode 🚀', 'every day', '"text"', 'general', TRUE, TRUE, 'u1', TRUE, '2023-01-01', '2023-01-01'),
 ('j4', 'broken', '*/5 * * * *', 'not json', 'general', FALSE, FALSE, NULL, TRUE, '2023-01-01', '2023-01-01');
INSERT INTO job_executions VALUES
 ('e1', 'j1', 'running', 'scheduled', '2023-05-05 05:05:05', NULL, NULL, 'webhook', 'https://example.com',
  NULL, NULL, NULL),
 ('e2', 'j2', 'success', 'manual', '2023-05-05 05:05:05', '2023-05-05 05:05:06', 1.25, 'webhook', 'https://example.com',
  200, NULL, 'ok');
INSERT INTO notifications VALUES
 ('n1', 'u1', 'Job failed', 'It failed.', 'error', 'j1', 'e1', FALSE, NULL, '2023-05-05 05:05:07');
INSERT INTO user_notification_preferences VALUES
 ('p1', 'u1', TRUE, TRUE, FALSE, TRUE, FALSE, TRUE, '2023-01-01', NULL);
INSERT INTO user_ui_preferences VALUES
 ('q1', 'u1', '{"pic_team": false}', '2023-01-01', '2023-01-01')"""

Rows = dict[str, list[dict[str, Any]]]


@dataclasses.dataclass(frozen=True)
class Place:
    """An address where a database can be, and what is needed to look at it from outside."""

    url: URL
    root: Path
    project: Project

    @property
    def path(self) -> Path:
        return Path(str(self.url.database))

    @property
    def is_file(self) -> bool:
        return self.url.drivername == "sqlite"

    @property
    def routes(self) -> tuple[Route, ...]:
        """Both stacks on this database."""
        text = self.url.render_as_string(hide_password=False)
        found = resolve(Settings(root=self.root, database_url=text))
        return found.flask, found.fastapi

    def init(self) -> revisions.Report:
        (report,) = revisions.initialise(self.routes, self.project)
        return report

    def check(self) -> tuple[str, ...]:
        (report,) = revisions.check(self.routes, self.project)
        return report.problems

    @contextmanager
    def opened(self) -> Generator[Connection]:
        """A connection past the router, as any other program would have one; committed at the end."""
        drivername = "sqlite+pysqlite" if self.is_file else "postgresql+psycopg"
        engine = create_engine(self.url.set(drivername=drivername), poolclass=NullPool)
        if self.is_file:
            event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA foreign_keys=ON"))
        with engine.begin() as connection:
            yield connection

    def run(self, *statements: str) -> None:
        self.path.parent.mkdir(exist_ok=True, parents=True) if self.is_file else None
        with self.opened() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def run_alone(self, statement: str) -> None:
        """A statement that PostgreSQL runs outside of transactions only."""
        with self.opened() as connection:
            driver = connection.connection.driver_connection
            connection.rollback()
            driver.autocommit = True
            driver.execute(statement)

    def rows(self) -> Rows:
        """Every row of every table, by column name."""
        with self.opened() as connection:
            return {
                name: [dict(row._mapping) for row in connection.exec_driver_sql(f"SELECT * FROM {name} ORDER BY 1")]
                for name in inspect(connection).get_table_names()
            }

    def tables(self) -> set[str]:
        with self.opened() as connection:
            return set(inspect(connection).get_table_names())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The application's project, at home in a folder of this test's."""
    return dataclasses.replace(Project.find(REPOSITORY), root=tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, project: Project) -> Place:
    """Where a database may be made: a file that isn't there, or an empty database of a server."""
    if request.param == "sqlite":
        return Place(URL.create("sqlite", database=str(tmp_path / "instance" / "legacy.db")), tmp_path, project)
    server: postgres.Server = request.getfixturevalue("server")
    return Place(server.database("legacy"), tmp_path, project)


@pytest.fixture
def file(tmp_path: Path, project: Project) -> Place:
    """As `place`, for what only a file can be."""
    return Place(URL.create("sqlite", database=str(tmp_path / "instance" / "legacy.db")), tmp_path, project)


@pytest.fixture
def on_server(server: postgres.Server, tmp_path: Path, project: Project) -> Place:
    """As `place`, for what only a server does."""
    return Place(server.database("legacy"), tmp_path, project)


@pytest.fixture
def unused_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


Legacy = Callable[..., Rows]


@pytest.fixture
def legacy() -> Legacy:
    """Makes a legacy database at a place, and returns its rows."""

    def make(
        place: Place,
        *,
        without: Iterable[str] = (),
        without_tables: Iterable[str] = (),
        instead: Mapping[str, str] | None = None,
        reordered: bool = False,
        rows: bool = True,
    ) -> Rows:
        tables = [name for name in LEGACY if name not in set(without_tables)]
        for name in tables:
            definition = " ".join(LEGACY[name].split())
            if name == "jobs":
                for part, other in (instead or {}).items():
                    assert part in definition
                    definition = definition.replace(part, other, 1)
            parts = [part for part in _parts(definition) if f"{name}.{part.split()[0]}" not in set(without)]
            if reordered:
                columns = [part for part in parts if part.split()[0].islower()]
                parts = columns[::-1] + parts[len(columns) :]
            text = ", ".join(parts)
            place.run(f"CREATE TABLE {name} ({text if place.is_file else _of_postgresql(text)})")
            place.run(*(f"CREATE {index}" for index in LEGACY_INDEXES.get(name, ())))
        if rows:
            place.run(*(_with_columns(row) for row in LEGACY_ROWS.split(";") if row.split()[2] in tables))
        return place.rows()

    return make


def _parts(definition: str) -> list[str]:
    """The columns and constraints of a CREATE TABLE."""
    return re.split(r", (?![^()]*\))", " ".join(definition.split()))


def _of_postgresql(text: str) -> str:
    return text.replace("DATETIME", "TIMESTAMP WITHOUT TIME ZONE").replace("FLOAT", "DOUBLE PRECISION")


def _with_columns(row: str) -> str:
    """An INSERT that names its columns, so that their physical order is free."""
    name = row.split()[2]
    if f"{name} VALUES" not in row:
        return row
    columns = [part.split()[0] for part in _parts(LEGACY[name]) if part.split()[0].islower()]
    return row.replace(f"INTO {name} VALUES", f"INTO {name} ({', '.join(columns)}) VALUES")


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project folder of its own, for commands that are run as processes."""
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    return folder


Script = Callable[..., Ended]


@pytest.fixture
def started_script(home: Path, tmp_path: Path) -> Script:
    """Runs scripts/init_fastapi_db.py for `home` as a process, from another directory."""

    def run(*arguments: str, python: str = sys.executable, **variables: str) -> Ended:
        ended = subprocess.run(
            [python, str(REPOSITORY / "scripts" / "init_fastapi_db.py"), *arguments],
            cwd=tmp_path,
            env=environment(home) | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    return run


@pytest.fixture
def script(home: Path, tmp_path: Path, in_process: Callable[..., subprocess.CompletedProcess[str]]) -> Script:
    """The same in this process, which says and does the same."""

    def run(*arguments: str, **variables: str) -> Ended:
        set_variables = {"CROSSFADE_PROJECT": str(home)} | variables
        ended = in_process(*arguments, main=init.main, cwd=tmp_path, **set_variables)
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    return run


def environment(home: Path) -> dict[str, str]:
    """The variables of a process that is no test: an empty one is none."""
    named = (
        "DATABASE_URL",
        "FASTAPI_DATABASE_URL",
        "TEST_DATABASE_URL",
        "FASTAPI_TEST_DATABASE_URL",
        "TESTING",
        "APP_ENV",
    )
    return os.environ | dict.fromkeys(named, "") | {"CROSSFADE_PROJECT": str(home), "PYTEST_XDIST_WORKER": ""}
