"""Small projects with revisions of their own, and databases of both kinds."""

import sys
import textwrap
from collections.abc import Callable, Generator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from crossfade.testing import postgres

_numbers = count()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """An empty database."""
    if request.param == "sqlite":
        return create_engine(f"sqlite:///{tmp_path / 'sample.db'}", poolclass=NullPool)
    server: postgres.Server = request.getfixturevalue("server")
    return create_engine(server.database("sample").set(drivername="postgresql+psycopg"), poolclass=NullPool)


@pytest.fixture
def connection(engine: Engine) -> Generator[Connection]:
    """A connection to it; nothing is kept unless the test commits."""
    with engine.connect() as connection:
        yield connection


Package = Callable[..., str]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Package]:
    """Writes a package with revisions, each a body of `upgrade`, one after the other; returns its import path."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(*bodies: str, parents: dict[int, str | None] | None = None) -> str:
        name = f"sample_revisions_{next(_numbers)}"
        versions = tmp_path / name / "versions"
        versions.mkdir(parents=True)
        (versions.parent / "__init__.py").touch()
        for number, body in enumerate(bodies, start=1):
            before = f"{number - 1:04}" if number > 1 else None
            lines = textwrap.indent(textwrap.dedent(body).strip() or "pass", "    ")
            (versions / f"{number:04}_pre_step.py").write_text(
                f'"""Step {number}."""\n'
                "import sqlalchemy as sa\nfrom alembic import op\n"
                f"revision = '{number:04}'\ndown_revision = {(parents or {}).get(number, before)!r}\n"
                f"branch_labels = depends_on = None\ndef upgrade():\n{lines}\n"
            )
        return name

    yield write
    for name in [name for name in sys.modules if name.startswith("sample_revisions_")]:
        del sys.modules[name]
