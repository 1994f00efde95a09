"""Creates or upgrades the application's databases: `crossfade init` under the name that the legacy project gave it."""

import os
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve()
PROJECT = SCRIPT.parent.parent


def main() -> None:
    """The command, for the project that this file belongs to, from any directory."""
    os.environ.setdefault("CROSSFADE_PROJECT", str(PROJECT))
    try:
        from crossfade.cli import init  # a Python without the packages gets a sentence, not a trace
    except ModuleNotFoundError as error:
        sys.exit(
            f"{SCRIPT.name}: this Python ({sys.executable}) can't load the packages ({error}). "
            f"Run `make install` in {PROJECT}, then {PROJECT}/.venv/bin/python {SCRIPT}"
        )
    init.main()


if __name__ == "__main__":
    main()
