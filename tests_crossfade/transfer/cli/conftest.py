"""The commands in this process and in processes of their own, for our application and for somebody else's."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from crossfade.cli import main

REPOSITORY = Path(__file__).parents[3]
MUSEUM = Path(__file__).with_name("museum")
HASH = "$pbkdf2-sha256$29000$c2FsdA$aGFzaA"


@pytest.fixture
def variables(environ) -> dict[str, str]:
    """What the commands find in the environment: tests add what they need."""
    return dict(environ)


@pytest.fixture
def home(tmp_path, variables) -> Path:
    """Our application, at home in a folder of this test's."""
    folder = tmp_path / "home"
    (folder / "instance").mkdir(parents=True)
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    variables["CROSSFADE_PROJECT"] = str(folder)
    return folder


@pytest.fixture
def museum(tmp_path, variables) -> Path:
    """Somebody else's project."""
    folder = shutil.copytree(MUSEUM, tmp_path / "museum-project", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "instance").mkdir()
    variables["CROSSFADE_PROJECT"] = str(folder)
    return folder


@pytest.fixture
def here(variables, monkeypatch, capsys, tmp_path):
    """Runs `crossfade` in this process."""

    def run(*arguments):
        with monkeypatch.context() as patch:
            for name in os.environ.keys() - variables.keys():
                patch.delenv(name)
            for name, value in variables.items():
                patch.setenv(name, value)
            patch.chdir(tmp_path)
            patch.setattr(sys, "argv", ["crossfade", *arguments])
            patch.setattr(sys, "path", list(sys.path))
            try:
                main()
                code = 0
            except SystemExit as end:
                code = end.code
            finally:
                # The next copy of the project has modules of the same names.
                for name in [name for name in sys.modules if name.partition(".")[0] == "museum"]:
                    del sys.modules[name]
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, said.out, said.err)

    return run


@pytest.fixture
def apart(variables, tmp_path):
    """Runs a command in a process of its own."""

    def run(*command):
        return subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def models(tmp_path_factory, server):
    """Databases that `init` has made, to be cloned: by project, engine, and whose they are.

    Each stack's has rows of its own from `init`, under keys of their own, as in life.
    """
    folder, made = tmp_path_factory.mktemp("models"), {}
    with server.databases("model") as make:

        def model(here, project, engine, name):
            key = (project, engine, name)
            if key not in made:
                file = folder / f"{project}_{name}.db"
                url = make().render_as_string(hide_password=False) if engine == "postgresql" else f"sqlite:///{file}"
                ended = here("init", "--url", url)
                assert ended.returncode == 0, ended.stderr
                made[key] = url
            return made[key]

        yield model


@pytest.fixture
def pair(variables, here, server, models):
    """Gives both stacks databases of their own, as `init` makes them, and returns their URLs."""
    with server.databases("transfer") as clone:

        def make(source="sqlite", target="sqlite"):
            home = Path(variables["CROSSFADE_PROJECT"])
            urls = []
            for engine, name in ((source, "old"), (target, "new")):
                model = models(here, home.name, engine, name)
                if engine == "postgresql":
                    urls.append(clone(like=make_url(model).database).render_as_string(hide_password=False))
                    continue
                file = home / "instance" / f"{name}.db"
                with closing(sqlite3.connect(make_url(model).database)) as old, closing(sqlite3.connect(file)) as new:
                    old.backup(new)
                urls.append(f"sqlite:///{file}")
            variables["DATABASE_URL"], variables["FASTAPI_DATABASE_URL"] = urls
            return urls

        yield make


@pytest.fixture
def people(run):
    """Puts two users and three jobs of theirs into a database."""

    def fill(url, *, prefix=""):
        run(
            url,
            "INSERT INTO users (id, username, email, password_hash, role, is_active, updated_at) VALUES"
            f" ('{prefix}u1', 'anna', 'anna@example.com', '{HASH}', 'admin', TRUE, '2026-01-01 00:00:00'),"
            f" ('{prefix}u2', 'bert', 'bert@example.com', '{HASH}', 'user', TRUE, '2026-01-01 00:00:00')",
            "INSERT INTO jobs (id, name, cron_expression, category, enable_email_notifications, notify_on_success,"
            " created_by, is_active, created_at, updated_at, cron_dialect) VALUES"
            + ", ".join(
                f"('{prefix}j{number}', '{prefix}job {number}', '0 3 * * *', 'general', FALSE, FALSE, '{prefix}u1',"
                " TRUE, '2026-01-01 00:00:00', '2026-01-01 00:00:00', 'standard')"
                for number in (1, 2, 3)
            ),
        )

    return fill


@pytest.fixture
def count(run):
    """How many rows a table has."""
    return lambda url, table: run(url, f"SELECT count(*) FROM {table}")[0][0]
