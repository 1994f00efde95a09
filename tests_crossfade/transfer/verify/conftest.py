"""Pairs of databases with the same rows, written by SQLAlchemy and not by a copy, and proofs of them."""

import importlib.util
import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import Engine, make_url

from crossfade import urls
from crossfade.database.engines import Engines
from crossfade.routes import Route
from crossfade.transfer import plan, verifying
from crossfade.transfer.ends import End
from crossfade.transfer.reports import VerifyReport

_NUMBERS = itertools.count()
PAIRS = [(one, other) for one in ("sqlite", "postgresql") for other in ("sqlite", "postgresql")]


@dataclass(frozen=True)
class Pair:
    """Two databases: engines of SQLAlchemy's own to write to them, and the ends of a proof."""

    source: Engine
    target: Engine
    here: End
    there: End
    metadata: object

    def verify(self, *tables: str, **options) -> VerifyReport:
        made = plan.make(self.metadata, tables=tables or None)
        return verifying.verify(self.here, self.there, made, **options)

    def found(self, **options) -> list[tuple[str, dict, str, tuple[str, ...]]]:
        """What a proof says differs."""
        return [(one.table, one.key, one.change, one.columns) for one in self.verify(**options).differences]


@pytest.fixture(scope="session")
def zoo() -> ModuleType:
    """The tables and rows of these tests."""
    found = importlib.util.spec_from_file_location("zoo", Path(__file__).with_name("zoo.py"))
    module = sys.modules["zoo"] = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture
def empty(tmp_path, new_database):
    """Makes a database without tables, and returns its URL."""

    def make(engine):
        if engine == "postgresql":
            return make_url(new_database())
        path = tmp_path / f"zoo_{next(_NUMBERS)}.db"
        path.touch()
        return make_url(f"sqlite:///{path}")

    return make


@pytest.fixture
def end():
    """Makes an end of a proof from a URL; all are closed afterwards."""
    made = []

    def make(role, url):
        canonical = urls.canonical(url.render_as_string(hide_password=False), root=Path(), variable=role)
        made.append(Engines(name=f"crossfade:{role}", statement_timeout=0))
        return End(role, "URL", Route("flask", "shared", canonical, role, "development"), made[-1])

    yield make
    for engines in made:
        engines.dispose()


@pytest.fixture
def pair_of(empty, end, zoo):
    """Makes a pair of databases from two engines, with the tables of a metadata."""
    made = []

    def make(source, target, *, metadata=None, create=None) -> Pair:
        places = empty(source), empty(target)
        engines = [zoo.engine(place) for place in places]
        made.extend(engines)
        for engine in engines:
            if create is not None:
                create(engine)
            elif metadata is not None:
                metadata.create_all(engine)
        return Pair(*engines, end("source", places[0]), end("target", places[1]), metadata)

    yield make
    for engine in made:
        engine.dispose()


@pytest.fixture
def zoos(pair_of, zoo) -> Callable[[str, str], Pair]:
    """Makes two zoos with the same rows."""

    def make(source, target):
        pair = pair_of(source, target, metadata=zoo.metadata, create=zoo.create)
        for engine in (pair.source, pair.target):
            zoo.fill(engine, zoo.rows())
        return pair

    return make


def pytest_generate_tests(metafunc):
    """A test that asks for `engines` runs for each pair of them."""
    if "engines" in metafunc.fixturenames:
        metafunc.parametrize("engines", PAIRS, ids=[f"{one}-{other}" for one, other in PAIRS])
