"""The application that the router serves, as `[tool.crossfade]` of its pyproject.toml names it.

Finding a project reads one file and imports nothing; a part is imported when it is asked for.
"""

import importlib
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self

from crossfade.errors import ProjectError, ProjectNotFoundError
from crossfade.routes import STACKS, Stack

Part = Literal["metadata", "revisions", "flask", "fastapi", "settings", "seed", "demo", "adoption", "checks", "copied"]

FRONT: Mapping[str, Stack] = {
    "/api": "flask",
    "/api/v2": "fastapi",
    "/docs": "fastapi",
    "/redoc": "fastapi",
    "/openapi": "fastapi",
    "/openapi.json": "fastapi",
}
"""Which stack answers what under the front door, unless the project says otherwise."""

_COMMAND = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)


@dataclass(frozen=True)
class Command:
    """A command, or a group of them, that a project adds to `crossfade`."""

    path: str
    """The import path of its Typer app."""
    help: str | None = None
    """A sentence for `crossfade --help`, which imports no application."""


@dataclass(frozen=True)
class Project:
    """Where a project is, and the import paths (`package.module:name`) of its parts."""

    root: Path
    metadata: str
    """The SQLAlchemy MetaData of its tables."""
    revisions: str | None = None
    """The package with its Alembic revisions. A project without can be tested, but `crossfade init` needs them."""
    flask: str | None = None
    """Makes its Flask application."""
    fastapi: str | None = None
    """Makes its FastAPI application."""
    settings: str = "crossfade.settings:Settings"
    """Its subclass of crossfade.settings.Settings."""
    seed: str | None = None
    """Fills what every installation needs; must be repeatable."""
    demo: str | None = None
    """Fills a database that nobody has used yet, and returns a password; None, and nothing done, for any other."""
    adoption: str | None = None
    """How an old schema without revisions is recognised and brought in."""
    checks: str | None = None
    """More findings for `crossfade doctor`."""
    copied: str | None = None
    """What a person must know about rows that are in two databases: from settings and names of tables, sentences."""
    front: Mapping[str, Stack] = field(default_factory=lambda: FRONT)
    """The stack behind each prefix of a path, for the front door: `front = { "/api" = "flask" }`."""
    commands: Mapping[str, Command] = field(default_factory=dict)
    """What the project adds to `crossfade`, by name: `jobs = "package.commands:app"`, or with `{ app, help }`."""

    @classmethod
    def find(cls, start: Path | str | None = None, *, environ: Mapping[str, str] | None = None) -> Self:
        """The project around `start` (the working directory by default).

        CROSSFADE_PROJECT comes first; then `start` and the folders above it; then, for a process that works elsewhere,
        the folders above its virtual environment. Raises ProjectNotFoundError, or ProjectError for a bad table.
        """
        environ = os.environ if environ is None else environ
        named = environ.get("CROSSFADE_PROJECT", "").strip()
        if named:
            directory = Path(named).absolute()
            table = _table(directory / "pyproject.toml")
            if table is None:
                raise ProjectNotFoundError(start=f"{directory} (from CROSSFADE_PROJECT)")
            return cls._made(directory, table)
        begin = Path.cwd() if start is None else Path(start).absolute()
        places = [begin] if start is not None else [begin, Path(sys.prefix)]
        for place in places:
            for directory in (place, *place.parents):
                table = _table(directory / "pyproject.toml")
                if table is not None:
                    return cls._made(directory, table)
        raise ProjectNotFoundError(start=begin)

    def path(self, part: Part) -> str:
        """The import path of a part. Raises ProjectError if it isn't named."""
        path: str | None = getattr(self, part)
        if path is None:
            raise self._error(part, "not set, but needed here")
        return path

    def load(self, part: Part) -> Any:
        """Imports a part and returns it. Raises ProjectError if it isn't named, or isn't where it is said to be."""
        return self._imported(part, self.path(part))

    def load_command(self, name: str) -> Any:
        """Imports one of the `commands` and returns it. Raises ProjectError if it isn't where it is said to be."""
        return self._imported(f"commands.{name}", self.commands[name].path)

    def _imported(self, key: str, path: str) -> Any:
        module, _, name = path.partition(":")
        try:
            found: Any = importlib.import_module(module)
        except ModuleNotFoundError as error:
            # Only the named module itself: one that it needs and that is missing is another story, with its own trace.
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise
            raise self._error(key, f"there is no module {error.name} (in this Python, {sys.executable})") from error
        for step in name.split(".") if name else ():
            try:
                found = getattr(found, step)
            except AttributeError as error:
                raise self._error(key, f"{module} has no {name}") from error
        return found

    @classmethod
    def _made(cls, root: Path, table: dict[str, Any]) -> Self:
        file = root / "pyproject.toml"
        known = {one.name for one in fields(cls)} - {"root"}
        for key, value in table.items():
            if key not in known:
                reason = f"no such key; there are {', '.join(sorted(known))}"
                raise ProjectError(key=key, file=file, reason=reason)
            if key == "front":
                _refuse_odd_front(value, file)
            elif key == "commands":
                table = {**table, "commands": _commands(value, file)}
            elif not isinstance(value, str) or not value.strip():
                raise ProjectError(
                    key=key, file=file, reason=f"{value!r} is not an import path like package.module:name"
                )
        if "metadata" not in table:
            raise ProjectError(key="metadata", file=file, reason="missing")
        return cls(root=root, **table)

    def _error(self, part: str, reason: str) -> ProjectError:
        return ProjectError(key=part, file=self.root / "pyproject.toml", reason=reason)


def _refuse_odd_front(value: Any, file: Path) -> None:
    if not isinstance(value, dict) or not value:
        raise ProjectError(key="front", file=file, reason=f"{value!r} is not a table of prefixes and stacks")
    for prefix, stack in value.items():
        if not prefix.startswith("/") or (prefix != "/" and prefix.endswith("/")):
            raise ProjectError(key="front", file=file, reason=f"{prefix!r} is not a prefix like /api")
        if stack not in STACKS:
            raise ProjectError(key="front", file=file, reason=f"{stack!r} is not a stack: write flask or fastapi")


def _commands(value: Any, file: Path) -> dict[str, Command]:
    if not isinstance(value, dict):
        raise ProjectError(key="commands", file=file, reason=f"{value!r} is not a table of names and import paths")
    return {name: _command(name, said, file) for name, said in value.items()}


def _command(name: str, said: Any, file: Path) -> Command:
    if not _COMMAND.fullmatch(name):
        reason = "a command is called by small letters, digits and hyphens"
        raise ProjectError(key=f"commands.{name}", file=file, reason=reason)
    match said:
        case str() if said.strip():
            return Command(said)
        case {"app": str() as path, "help": str() as sentence} if path.strip() and len(said) == len(("app", "help")):
            return Command(path, sentence)
        case _:
            reason = f'{said!r} is neither an import path like package.module:app nor {{ app = "...", help = "..." }}'
            raise ProjectError(key=f"commands.{name}", file=file, reason=reason)


def _table(file: Path) -> dict[str, Any] | None:
    """The [tool.crossfade] of a file, None if there is no such file or table."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ProjectError(key="", file=file, reason=f"the file can't be read: {error}") from error
    table = content.get("tool", {}).get("crossfade")
    return table if isinstance(table, dict) else None
