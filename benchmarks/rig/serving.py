"""The application and the bare list, each served by one process of the usual server, on loopback."""

import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from cronjobs.settings import Settings
from crossfade import revisions, urls
from crossfade.project import Project
from crossfade.router import Router
from crossfade.testing.servers import free_port, running
from rig import content

_BENCHMARKS = Path(__file__).resolve().parents[1]

# As the front door starts them, but on a port.
_GUNICORN = "gunicorn --worker-class gthread --workers 1 --threads 8 --keep-alive 75 --no-control-socket"
_UVICORN = "uvicorn --factory --timeout-keep-alive 75 --no-access-log"
_SERVERS = {
    "flask": f"{_GUNICORN} --log-level warning --bind 127.0.0.1:{{port}} cronjobs.flask_app:create_app()",
    "fastapi": f"{_UVICORN} --log-level warning --port {{port}} cronjobs.fastapi_app:create_app",
    "bare": f"{_UVICORN} --log-level warning --port {{port}} rig.bare:create_app",
}
_PREFIXES = {"flask": "/api", "fastapi": "/api/v2", "bare": ""}
_ALIVE = {"flask": "/health", "fastapi": "/health", "bare": "/executions"}
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


@dataclass(frozen=True)
class Served:
    """Servers on one database, by name: flask, fastapi and bare."""

    bases: dict[str, str]
    """The address of each, with its prefix."""
    sessions: dict[str, int]
    """The session that the processes of each are in."""
    token: str
    """Signs an administrator in, at both stacks."""


@contextmanager
def served(url: URL | None) -> Generator[Served]:
    """All three on a filled database: the empty one at `url`, or a new SQLite file. They end with the block."""
    with tempfile.TemporaryDirectory(prefix="crossfade-bench-") as name, ExitStack() as ends:
        folder = Path(name)
        environ = environment(folder, url)
        token = _prepare(folder, environ)
        bases, sessions = {}, {}
        for stack, command in _SERVERS.items():
            port = free_port()
            bases[stack] = f"http://127.0.0.1:{port}{_PREFIXES[stack]}"
            process = [sys.executable, "-m", *command.format(port=port).split()]
            started = running(process, environ=environ, url=f"{bases[stack]}{_ALIVE[stack]}", cwd=folder)
            sessions[stack] = ends.enter_context(started).pid
        yield Served(bases, sessions, token)


def environment(folder: Path, url: URL | None) -> dict[str, str]:
    """Variables of processes that are measured: a project of its own, so that nobody's `.env` has a say; no ticks."""
    shutil.copy(_BENCHMARKS.parent / "pyproject.toml", folder)
    environ = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # Somebody's PYTHONPATH says which tree is measured: theirs and ours must be the same.
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(_BENCHMARKS))))
    environ |= {"CROSSFADE_PROJECT": str(folder), "PYTHONPATH": path, "SCHEDULER_ENABLED": "false"}
    if url is not None:
        environ["DATABASE_URL"] = url.render_as_string(hide_password=False)
    return environ


def _prepare(folder: Path, environ: dict[str, str]) -> str:
    """Makes and fills the database, tells the bare list where it is, and returns a token."""
    settings = Settings.load(root=folder, environ=environ)
    router = Router(settings, name="benchmark")
    try:
        revisions.initialise(router, Project.find(folder))
        environ["BARE_DATABASE_URL"] = urls.async_url(router.route("fastapi").url).render_as_string(hide_password=False)
        return content.fill(router, settings)
    finally:
        router.dispose()
