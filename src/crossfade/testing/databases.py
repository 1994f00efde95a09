"""The databases of one worker of a test run, each with a router on it: made once, put back or cloned for each test.

What a test is to use is said in the environment (TESTING, TEST_DATABASE_URL, FASTAPI_TEST_DATABASE_URL), so that an
application made by a factory without arguments, a router made anywhere and a server in another process all use it.
Where databases come from is left to `stores`, how one is put back to `restore`.
"""

import os
import secrets
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session
from typing_extensions import override

from crossfade import revisions
from crossfade.database import stamps
from crossfade.database.sessions import begin_write
from crossfade.project import Project
from crossfade.router import Router
from crossfade.testing import providers, restore
from crossfade.testing.guest.hosts import Hosts
from crossfade.testing.joint import Joint
from crossfade.testing.options import Kind, Options
from crossfade.testing.restore import Snapshot
from crossfade.testing.stores import Files, PostgresServer, Store, worker_name

_NEVER_COMMITTED = (
    "a server is a process of its own, and can't see the rows of a joint transaction, which are never committed: mark"
    ' the test @pytest.mark.crossfade(isolation="restore"), or use the clients'
)

Seed = Callable[[Session], object]
"""Adds rows that every test begins with; its session is committed afterwards."""


@dataclass(frozen=True)
class Run:
    """What the workers of a run share."""

    folder: Path
    """For SQLite files and locks; the run's own."""
    token: str = field(default_factory=lambda: secrets.token_hex(3))
    """Tells this run's databases from another one's on the same server."""
    server: URL | None = None
    """A PostgreSQL server that runs for all of them."""
    worker: str = ""
    """pytest-xdist's name of this worker; empty without it."""


@dataclass(eq=False)
class Database:
    """A database with a router on it, and what was made on both and stays for the next test."""

    kind: Kind
    url: URL
    router: Router
    release: Callable[[URL], None]
    """Closes what others have left open, but idle."""
    kept: dict[object, Any] = field(default_factory=dict)
    """Applications and servers, by what they are."""
    ends: ExitStack = field(default_factory=ExitStack)
    """Ends them."""
    hidden: str | None = None
    """Why servers in other processes can't see what a test writes; None if they can."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the environment says to the applications besides the database."""

    def keep(self, key: object, make: Callable[[], AbstractContextManager[Any]]) -> Any:
        """What `make` opens: once, and then the same until the database goes."""
        if key not in self.kept:
            with self.published():
                self.kept[key] = self.ends.enter_context(make())
        return self.kept[key]

    @contextmanager
    def published(self) -> Generator[None]:
        """For the length of a block this is the database that the environment names."""
        names = {**self.variables, **environment(self.url)}
        before = {name: os.environ.get(name) for name in names}
        os.environ.update(names)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def close(self) -> None:
        """Ends what is kept, and closes the router's connections."""
        self.kept.clear()
        self.ends.close()
        self.router.dispose()
        self.release(self.url)


class LentRouter(Router):
    """The tests' router, as applications get it: a lifespan that closes its connections leaves them to the next test.

    Who opens, closes: an application that is begun and ended with each test would have every test connect anew, which
    costs more than to put the rows back.
    """

    @override
    async def adispose(self) -> None:
        """Closes what no other event loop could use. The rest is closed when the database goes, by `dispose`."""
        await self.leave_loop()


class Databases:
    """The databases of this worker, made when a test first asks for their kind."""

    def __init__(
        self,
        project: Project,
        options: Options,
        run: Run,
        *,
        hosts: Hosts,
        seed: Seed | None = None,
        variables: Mapping[str, str] | None = None,
        release: Callable[[URL], None] = lambda _: None,
    ) -> None:
        """`seed` adds to what the project's own makes, `release` closes others' idle connections. Opens nothing.

        `variables` are said to the applications besides the database.
        """
        self._variables = variables or {}
        self._hosts = hosts
        self._release = release
        self._project = project
        self._options = options
        self._run = run
        self._seed = seed
        self._stores: dict[Kind, Store] = {}
        self._lasting: dict[Kind, Database] = {}
        self._snapshots: dict[Kind, Snapshot] = {}
        self._joints: dict[Kind, Joint] = {}
        self._advanced: set[Kind] = set()
        """Where a joint transaction has drawn numbers from sequences, which no rollback gives back."""
        self._ends = ExitStack()
        self._clones = 0
        self._made: set[tuple[str | None, str | None]] = set()

    def lasting(self, kind: Kind) -> Database:
        """The worker's database of a kind, which all its tests use in turn."""
        if kind not in self._lasting:
            store = self._store(kind)
            url = self.url(kind)
            store.make(url, self._fill)
            self._lasting[kind] = self._opened(kind, url)
        return self._lasting[kind]

    def put_back(self, kind: Kind) -> None:
        """Makes the worker's database what it was at the beginning. Raises TimeoutError while somebody holds it."""
        self._snapshots[kind].restore()

    def prepare(self, kind: Kind) -> Database:
        """The worker's database, and a picture of its rows to which `put_back` returns."""
        database = self.lasting(kind)
        if kind not in self._snapshots:
            self._snapshots[kind] = restore.take(database.router.engine("flask"), self._project.load("metadata"))
        elif kind in self._advanced:
            self._snapshots[kind].restore()
        self._advanced.discard(kind)
        return database

    def join(self, kind: Kind) -> Database:
        """The worker's database, with one transaction under all that this process does there until `roll_back`."""
        database = self.lasting(kind)
        if kind not in self._joints:
            self._joints[kind] = Joint(database.router.engine("flask"), self._hosts)
        self._joints[kind].begin()
        self._advanced.add(kind)
        return replace(database, hidden=_NEVER_COMMITTED)

    def roll_back(self, kind: Kind) -> None:
        """Ends that transaction. Raises JointEndedError if somebody else has."""
        self._joints[kind].roll_back()

    def renew(self, kind: Kind) -> None:
        """Makes the worker's database anew, from the template: for one whose schema was changed."""
        old = self._lasting.pop(kind)
        if kind in self._snapshots:
            self._snapshots.pop(kind).close()
        if kind in self._joints:
            self._joints.pop(kind).close()
        old.close()
        self.lasting(kind)

    @contextmanager
    def clone(self, kind: Kind) -> Generator[Database]:
        """A database of its own for one test, with its own URL and router; it goes with the block."""
        store = self._store(kind)
        self._clones += 1
        url = store.named(worker_name(f"clone_{self._clones}_test", self._run.worker))
        store.make(url, self._fill)
        database = self._opened(kind, url)
        try:
            yield database
        finally:
            database.close()
            store.drop(url)

    def lent(self, kind: Kind, url: URL) -> Database:
        """A database that somebody else makes, puts back and destroys, with a router of ours on it."""
        return self._opened(kind, url)

    def url(self, kind: Kind) -> URL:
        """Where the worker's database of a kind is, or will be."""
        named, worker = self._options.url, self._run.worker
        if named is None:
            return self._store(kind).named(worker_name("crossfade_test", worker))
        return of_worker(named, worker)

    def holds(self, engine: Engine) -> bool:
        """Whether an engine is on one of these, or was on one that is gone."""
        return (engine.url.host, engine.url.database) in self._made

    def close(self) -> None:
        """Ends all of it. Databases that somebody named stay, as the last test found them."""
        for snapshot in self._snapshots.values():
            snapshot.close()
        for joint in self._joints.values():
            joint.close()
        for kind, database in self._lasting.items():
            database.close()
            if self._options.url is None:
                self._stores[kind].drop(database.url)
        self._ends.close()

    def _store(self, kind: Kind) -> Store:
        if kind not in self._stores:
            self._stores[kind] = Files(self._run.folder) if kind == "sqlite" else self._server()
        return self._stores[kind]

    def _server(self) -> PostgresServer:
        named, run = standing(self._options, self._run), self._run
        if named is not None:
            return named
        server = run.server or self._ends.enter_context(providers.serve(self._options.postgres))
        hosts = (server.host,) if server.host else ()
        return PostgresServer(server, "--crossfade-postgres", run.folder, run.token, started=True, hosts=hosts)

    def _opened(self, kind: Kind, url: URL) -> Database:
        self._made.add((url.host, url.database))
        return Database(kind, url, self._router(url), self._release, variables=self._variables)

    def _router(self, url: URL) -> Router:
        environ = {**os.environ, **self._variables, **environment(url)}
        settings = self._project.load("settings").load(root=self._project.root, environ=environ)
        return LentRouter(settings, name="crossfade:pytest")

    def _fill(self, url: URL) -> None:
        self._made.add((url.host, url.database))
        router = self._router(url)
        if router.route("flask").path is not None:
            Path(url.database or "").touch()
        try:
            self._make_tables(router)
            if self._seed is not None:
                with closing(router.session_factory("flask")()) as session:
                    self._seed(session)
                    session.commit()
                restore.advance(router.engine("flask"), self._project.load("metadata"))
        finally:
            router.dispose()

    def _make_tables(self, router: Router) -> None:
        """With what the project puts into every installation; by its revisions, or else as its models say."""
        project = self._project
        if project.revisions is not None:
            revisions.initialise(router, project)
            return
        with router.engine("flask").begin() as connection:
            stamps.write(connection, "test")
            project.load("metadata").create_all(connection)
        if project.seed is not None:
            with router.session("flask") as session:
                project.load("seed")(begin_write(session))


def of_worker(named: URL, worker: str) -> URL:
    """The database of a worker, where somebody has named one; one process alone has that one."""
    if not worker or named.drivername == "postgresql":
        return named.set(database=worker_name(named.database or "", worker))
    path = Path(named.database or "")
    return named.set(database=str(path.with_stem(worker_name(path.stem, worker))))


def standing(options: Options, run: Run) -> PostgresServer | None:
    """The PostgreSQL server that somebody named, which is there before the run and after it."""
    if options.url is not None and options.url.drivername == "postgresql":
        url, source = options.url.set(database="postgres"), options.source
    elif isinstance(options.postgres, URL):
        url, source = options.postgres, "--crossfade-postgres"
    else:
        return None
    return PostgresServer(url, source, run.folder, run.token, hosts=options.hosts)


def environment(url: URL) -> dict[str, str]:
    """The variables that send both stacks to a database."""
    text = url.render_as_string(hide_password=False)
    return {"TESTING": "true", "TEST_DATABASE_URL": text, "FASTAPI_TEST_DATABASE_URL": text}
