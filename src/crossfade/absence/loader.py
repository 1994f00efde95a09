"""Run by file, in a process of its own: imports modules, and tells whether a package got loaded and through whom.

It imports nothing of the router, so that what is loaded is what the asked modules load. Question on standard input,
answer into the file that is named, because whatever is imported may print.
"""

import contextlib
import importlib
import json
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FrameType, ModuleType

_MACHINERY = ("<frozen importlib", "importlib/__init__.py", "importlib/util.py", __file__)


class Witness:
    """Asked first for each new module; finds none, and notes who asked."""

    def __init__(self) -> None:
        """Nothing was seen."""
        self.seen: dict[str, tuple[str, str, int]] = {}

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None, always: the next finder does the work."""
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  the one way to see who imports
        while frame is not None and any(part in frame.f_code.co_filename for part in _MACHINERY):
            frame = frame.f_back
        if frame is not None:
            asker = (str(frame.f_globals.get("__name__", "")), frame.f_code.co_filename, frame.f_lineno)
            self.seen.setdefault(name, asker)
        else:
            self.seen.setdefault(name, ("", "", 0))
        return None

    def chain(self, name: str) -> list[tuple[str, int, str]]:
        """`file, line, module` of each import that led to a module; the first is the one that was asked for."""
        steps: list[tuple[str, int, str]] = []
        met: set[str] = set()
        while name and name not in met:
            met.add(name)
            importer, file, line = self.seen.get(name, ("", "", 0))
            steps.append((file, line, name))
            name = importer
        return steps[::-1]


def attempt(name: str) -> BaseException | None:
    """Imports a module; what kept it from being imported, if so."""
    try:
        importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  a module may raise or exit as it likes
        return error
    return None


def _reason(error: BaseException) -> str:
    # The first line or sentence: what follows is advice for whoever wrote it.
    return f"{type(error).__name__}: {error}".partition("\n")[0].partition(".  ")[0]


def main() -> None:
    """See the module."""
    question = json.load(sys.stdin)
    absent = question["absent"]
    sys.path[:] = question["path"]
    before = absent in sys.modules
    witness = Witness()
    sys.meta_path.insert(0, witness)
    with contextlib.redirect_stdout(sys.stderr):
        errors = {name: error for name in question["modules"] if (error := attempt(name)) is not None}
        # It is for the package to cope with what isn't there when it is called.
        within = [inner for name in errors for inner in question["inside"][name] if inner]
        for name in [*question["later"], *within]:
            attempt(name)
    loaded = absent in sys.modules
    chain = [("the interpreter's start-up", 0, absent)] if before else witness.chain(absent) if loaded else []
    failed = [
        (name, f"{type(error).__name__}: {error}", isinstance(error, ImportError)) for name, error in errors.items()
    ]
    Path(sys.argv[1]).write_text(json.dumps({"chain": chain, "failed": failed}))


if __name__ == "__main__":
    main()
