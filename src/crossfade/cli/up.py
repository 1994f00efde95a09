"""`crossfade up`: databases, demo data, both stacks, one address. Serving is left to `crossfade.gateway`."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from crossfade import logs, revisions
from crossfade.cli import init
from crossfade.database.sessions import begin_write
from crossfade.errors import SettingsError
from crossfade.project import Project
from crossfade.router import Router
from crossfade.routes import Routes, Stack, resolve
from crossfade.settings import Settings

_HIGHEST_PORT = 65535


def up(
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        str, typer.Option(envvar="PORT", metavar="PORT", help="The port to listen on; 0 for any that is free.")
    ] = "8000",
) -> None:
    """Serve both stacks behind one address.

    The databases that the routes name are created or upgraded first; one that nobody has used yet, unless it is
    production's, gets demo data, and the password of its user is printed, once. Ctrl-C stops everything.
    """
    from crossfade.gateway import door, serving

    signal.signal(signal.SIGTERM, _leave)
    project = Project.find()
    kind: type[Settings] = project.load("settings")
    settings = kind.load(root=project.root)
    resolve(settings)
    # Before anything is touched: who can't serve shouldn't change a database.
    with door.take(host, _number(port)) as listener, serving.private_folder() as folder:
        address = door.address_of(listener)
        environ = os.environ | _memory_on_disk(settings, folder)
        _prepare(project, kind.load(root=project.root, environ=environ), address)
        _log_to_terminal(settings)
        served = serving.serve(
            project,
            listener,
            folder=folder,
            environ=environ,
            say=_say,
            ready=lambda: _announce(project, address),
        )
        asyncio.run(served)
    _say("stopped")


def _number(port: str) -> int:
    if not (port.isdecimal() and port.isascii() and int(port) <= _HIGHEST_PORT):
        raise SettingsError(
            reason=f"--port (or PORT): {port!r} is not a port, write a number from 0 to {_HIGHEST_PORT}"
        )
    return int(port)


def _prepare(project: Project, settings: Settings, address: str) -> None:
    """Brings every database to where it should be, and fills new ones for a first look.

    Which is new, the project's demo knows: one may have been made by `init`, or by an `up` that was interrupted.
    """
    router = Router(settings, name="crossfade:up")
    try:
        for report in revisions.initialise(router, project):
            print("\n".join(init.lines(report)), flush=True)
            if report.action != "adopted" and settings.app_env != "production":
                _fill(project, router, report, address)
    finally:
        router.dispose()


def _fill(project: Project, router: Router, report: revisions.Report, address: str) -> None:
    if project.demo is None:
        return
    demo: Any = project.load("demo")
    stack: Stack = "flask" if "flask" in report.stacks else "fastapi"
    with router.session(stack) as session:
        password = demo(begin_write(session), base_url=address)
    if password is not None:
        whose = "" if len(router.routes.distinct()) == 1 else f" (of the {stack} stack)"
        print(f"  filled with demo data\npassword: {password}{whose}", flush=True)


def _memory_on_disk(settings: Settings, folder: Path) -> Mapping[str, str]:
    """Variables that put databases in memory into files that are gone at the end.

    A test's database is in the memory of its process by default, but this is a server with several processes.
    """
    routes: Routes = resolve(settings)
    places = {route.url: f"sqlite:///{folder / route.stack}_test.db" for route in routes.distinct() if route.in_memory}
    if not places:
        return {}
    flask, fastapi = (
        places.get(route.url) or route.url.render_as_string(hide_password=False)
        for route in (routes.flask, routes.fastapi)
    )
    return {"TEST_DATABASE_URL": flask, "FASTAPI_TEST_DATABASE_URL": fastapi}


def _announce(project: Project, address: str) -> None:
    width = max(len(prefix) for prefix in project.front)
    lines = [f"{address}{prefix:{width}}  {stack}" for prefix, stack in project.front.items()]
    print("\n".join([f"crossfade {metadata.version('crossfade')} serves", *lines, "Ctrl-C stops it"]), flush=True)


def _log_to_terminal(settings: Settings) -> None:
    handler = logging.StreamHandler()
    in_words = logging.Formatter("[front] %(message)s")
    handler.setFormatter(logs.Lines(stack="front") if settings.log_format == "json" else in_words)
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("crossfade.gateway").setLevel(logging.INFO)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _leave(number: int, _frame: object) -> NoReturn:
    # As an exception, so that what was begun is undone on the way out.
    sys.exit(128 + number)
