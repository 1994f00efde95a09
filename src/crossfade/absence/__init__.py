"""Whether a package does without another one, Django say, that has left or is to leave.

Two looks, because each misses what the other sees: a process of its own imports the package, all its modules and what
they import when they are called, and tells what got loaded and through whom; the source is read for imports that
nothing has run yet, also those by a name in a string. What a package decides at run time, from a setting, no look can
foresee: such places are told as open.
"""

import importlib.machinery
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import override

from crossfade import redaction
from crossfade.absence import source
from crossfade.absence.source import Import
from crossfade.errors import ConfigurationError

PATIENCE = 300.0
"""Seconds that importing a package may take."""

_SHOWN = 20
"""Of the places that can't be foreseen, for a person."""
_LOADER = Path(__file__).with_name("loader.py")


@dataclass(frozen=True)
class Step:
    """One import on the way: who imported what."""

    file: str
    line: int
    module: str
    """The module that was imported there."""

    @override
    def __str__(self) -> str:
        """As a person reads it, and an editor finds it."""
        return f"{self.file}:{self.line} imports {self.module}"


@dataclass(frozen=True)
class Unlooked:
    """A module that could not be imported by itself: only what its source imports was, one by one."""

    module: str
    reason: str
    lacking: bool
    """Whether something that it imports isn't there, so that nobody knows what that would load."""


@dataclass(frozen=True)
class Report:
    """What was found."""

    packages: tuple[str, ...]
    absent: str
    """The package that should not be there."""
    imports: tuple[Import, ...]
    """Where the source imports it, now or when it is called."""
    chain: tuple[Step, ...]
    """How it got loaded, from the package to it; empty if it did not."""
    open: tuple[Import, ...]
    """Imports by a name that only the run knows."""
    unlooked: tuple[Unlooked, ...]
    """Modules that could not be imported by themselves: a tool's scripts, say."""
    modules: int
    """How many files were read."""

    @property
    def found(self) -> bool:
        """Whether the packages use it."""
        return bool(self.imports or self.chain)

    @property
    def certain(self) -> bool:
        """Whether everything that is imported could be looked at."""
        return not any(one.lacking for one in self.unlooked)


def look(*packages: str, absent: str = "django", exclude: Sequence[str] = (), path: Sequence[str] = ()) -> Report:
    """Looks for `absent` in what `packages` (import names) import, directly and through others.

    `exclude` names modules of theirs that are left out, with all below them. `path` is where packages are found
    first, before `sys.path`. Raises ConfigurationError for a package that isn't there, or can't be imported and so
    can't be told about.
    """
    path = [*path, *sys.path]
    modules = [module for package in packages for module in source.modules(_place(package, path), package, exclude)]
    imports = [found for module in modules for found in source.imports(module)]
    # A line is told once, whatever it imports of the absent one.
    direct = tuple({(one.file, one.line): one for one in reversed(imports) if one.names(absent)}.values())[::-1]
    later = {one.target: one for one in imports if one.later and one.target and not one.names(absent)}
    # A main module is a program: to import it may be to run it.
    wanted = [module.name for module in modules if module.importable]
    inside = {module.name: [one.target for one in imports if one.module == module.name] for module in modules}
    loaded = _load(wanted, inside=inside, later=list(later), absent=absent, path=path)
    unlooked = tuple(Unlooked(name, redaction.mask(reason), lacking) for name, reason, lacking in loaded["failed"])
    for one in unlooked:
        if one.module in packages and not direct and not loaded["chain"]:
            raise ConfigurationError(reason=f"{one.module} can't be imported: {one.reason}")
    return Report(
        packages=packages,
        absent=absent,
        imports=direct,
        chain=_chain(loaded["chain"], later),
        open=tuple(one for one in imports if one.target is None),
        unlooked=unlooked,
        modules=len(modules),
    )


def _place(package: str, path: Sequence[str]) -> Path:
    """The folder of a package, or the file of a module, found without importing anything."""
    if not all(part.isidentifier() for part in package.split(".")):
        raise ConfigurationError(
            reason=f"{package!r} is no name of a package: write it as in `import {_as_name(package)}`"
        )
    places: Sequence[str] | None = path
    found = None
    parts = package.split(".")
    for end in range(1, len(parts) + 1):
        found = importlib.machinery.PathFinder.find_spec(".".join(parts[:end]), places)
        if found is None:
            raise ConfigurationError(reason=f"there is no package {package!r} in {', '.join(filter(None, path))}")
        places = list(found.submodule_search_locations or ())
    if places:
        return Path(places[0])
    if found is None or found.origin is None or not found.origin.endswith(".py"):
        raise ConfigurationError(reason=f"{package!r} has no source to be read")
    return Path(found.origin)


def _as_name(text: str) -> str:
    return ".".join(part for part in text.removesuffix(".py").replace("/", ".").split(".") if part and part != "src")


def _load(
    wanted: list[str], *, inside: dict[str, list[str | None]], later: list[str], absent: str, path: Sequence[str]
) -> dict[str, Any]:
    """What importing it all loads, in a process that has imported nothing else."""
    with tempfile.TemporaryDirectory(prefix="crossfade-absence-") as directory:
        answer = Path(directory) / "answer.json"
        asked = {"modules": wanted, "inside": inside, "later": later, "absent": absent, "path": list(path)}
        try:
            # -P: the loader's own folder is no place for imports.
            process = subprocess.run(  # noqa: S603  our own interpreter, our own file
                [sys.executable, "-P", str(_LOADER), str(answer)],
                input=json.dumps(asked),
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            reason = f"importing {', '.join(wanted[:3])} and others took longer than {PATIENCE:.0f} s"
            raise ConfigurationError(reason=reason) from None
        if not answer.exists():
            last = redaction.mask((process.stderr.strip().splitlines() or ["it said nothing"])[-1])
            reason = f"the process that imports {wanted[0]} ended with {process.returncode}: {last}"
            raise ConfigurationError(reason=reason)
        told: dict[str, Any] = json.loads(answer.read_text())
        return told


def _chain(told: list[list[Any]], later: dict[str, Import]) -> tuple[Step, ...]:
    steps = tuple(Step(file, line, module) for file, line, module in told if file)
    first = told[0] if told else None
    if first is not None and not first[0] and first[2] in later:
        start = later[first[2]]
        return (Step(start.file, start.line, first[2]), *steps)
    return steps


def told(report: Report) -> list[str]:
    """What was found, in lines for a person: where, and by which way."""
    lines = [str(found) for found in report.imports]
    if report.chain:
        lines.append(f"{report.absent} gets loaded:")
        lines += [f"  {step}" for step in report.chain]
    for one in report.unlooked:
        advice = "install what it lacks, or leave it out" if one.lacking else "what it imports was, one by one"
        lines.append(f"{one.module} can't be imported by itself ({one.reason}): {advice}")
    lines += [f"{one}: not foreseen" for one in report.open[:_SHOWN]]
    more = len(report.open) - _SHOWN
    return [*lines, f"and {more} more that are not foreseen"] if more > 0 else lines
