"""The two ends of a copy: where they are, and connections of the kind that long work needs.

An end is a stack's route, or a database that somebody gave the URL of. The source is never changed: an SQLite file that
is the source keeps its journal mode and isn't created. What is done with the connections is left to the modules beside.
"""

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, cast

from sqlalchemy import Connection

from crossfade import fence, redaction
from crossfade.database import probe
from crossfade.database.engines import Engines
from crossfade.errors import SelectionError
from crossfade.revisions import opening
from crossfade.revisions.places import at
from crossfade.routes import STACKS, Route, resolve
from crossfade.settings import Settings
from crossfade.transfer.kinds import EngineName, install

Role = Literal["source", "target"]


@dataclass(frozen=True)
class End:
    """One end: `flask`, `fastapi`, or a database that somebody gave the URL of."""

    role: Role
    name: str
    """`flask`, `fastapi` or `URL`."""
    route: Route
    engines: Engines
    """Made without a limit for statements: whoever makes it closes it."""

    @property
    def engine(self) -> EngineName:
        """Which database it is."""
        return cast("EngineName", self.route.url.drivername)

    @property
    def masked(self) -> str:
        """Its URL without the password."""
        return self.route.masked

    @contextmanager
    def connection(self) -> Generator[Any]:
        """The driver's own connection (sqlite3.Connection, psycopg.Connection) with nothing begun; closed afterwards.

        The SQL of the kinds works on it. Raises UnreachableError and its kin.
        """
        if self.role == "source" and self.route.path is not None:
            # Without the settings of an engine, one of which is a change to the file.
            with closing(opening.file(self.route)) as connection:
                install(connection)
                yield connection
            return
        opened = self.engines.sync_engine(self.route).raw_connection()
        driver: Any = opened.driver_connection
        # It is used past SQLAlchemy, so it must not go back to a pool with what was set on it.
        opened.detach()
        try:
            install(driver)
            yield driver
        finally:
            # Not by the pool, which would first roll back, and complain aloud if the server is gone.
            driver.close()
            opened.invalidate()

    @contextmanager
    def looking(self) -> Generator[Connection]:
        """A connection of SQLAlchemy's that only reads, and changes nothing of the database, for a look at its schema.

        Raises UnreachableError and its kin.
        """
        with opening.reading(self.route, self.engines) as connection:
            yield connection


@contextmanager
def ends(settings: Settings, *, source: str = "flask", target: str = "fastapi") -> Generator[tuple[End, End]]:
    """Source and target, each `flask`, `fastapi` or a URL; what they have open is closed at the end.

    Opens nothing yet. Raises SelectionError for a database in memory, which lives in the process that uses it and
    nowhere else, and what `routes.resolve` raises.
    """
    made = [Engines(name=f"crossfade:{role}", statement_timeout=0) for role in ("source", "target")]
    try:
        yield (
            _end("source", source, settings, made[0]),
            _end("target", target, settings, made[1]),
        )
    finally:
        for engines in made:
            engines.dispose()


def same_database(source: End, target: End) -> bool:
    """Whether both are one database, whatever their names are: asked of the databases, not of the URLs.

    False if one of them isn't there yet. Raises UnreachableError and its kin for a server that doesn't answer.
    """
    if source.route.url == target.route.url:
        return True
    if source.engine != target.engine:
        return False
    if source.route.path is not None and target.route.path is not None:
        files = source.route.path, target.route.path
        return all(file.exists() for file in files) and files[0].samefile(files[1])
    with source.looking() as here, target.looking() as there:
        return probe.same(here, there)


def refuse_frozen(end: End) -> None:
    """Raises WritesFrozenError for a database that is frozen."""
    with end.looking() as connection:
        fence.refuse_frozen(connection, end.route)


def _end(role: Role, named: str, settings: Settings, engines: Engines) -> End:
    stack = next((one for one in STACKS if one == named), None)
    if stack is not None:
        route = resolve(settings).of(stack)
    elif "://" in named:
        route = resolve(at(settings, named, source=f"--{role}")).flask
    else:
        raise SelectionError(
            reason=f"--{role} {redaction.mask_url(named)}: write flask, fastapi or the URL of a database"
        )
    if route.in_memory:
        reason = f"--{role} {named}: {route.masked} ({route.source}) lives in the memory of the process that uses it"
        raise SelectionError(reason=f"{reason}, so there is nothing for this one to read or write")
    return End(role, stack or "URL", route, engines)
