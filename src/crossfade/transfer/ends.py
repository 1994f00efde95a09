"""The two ends of a copy: where they are, and connections of the kind that long work needs.

Who named them is left to the routes, what is done with them to the modules beside.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, cast

from crossfade.database.engines import Engines
from crossfade.routes import Route
from crossfade.transfer.kinds import EngineName

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

        Raises UnreachableError and its kin.
        """
        opened = self.engines.sync_engine(self.route).connect()
        try:
            driver = opened.connection.driver_connection
            # It is used past SQLAlchemy, so it must not go back to a pool with what was set on it.
            opened.detach()
            yield driver
        finally:
            opened.close()
