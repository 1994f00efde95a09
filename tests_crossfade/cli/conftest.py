"""The command in this process: the same `main()`, without the second that a new Python takes to begin."""

import os
import subprocess
import sys

import pytest

from crossfade.cli import main


@pytest.fixture
def here(bookshop, environ, monkeypatch, capsys):
    """Runs `crossfade` in the sample project; keywords are variables."""

    def run(*arguments, **variables):
        with monkeypatch.context() as patch:
            for name in os.environ.keys() - environ.keys():
                patch.delenv(name)
            for name, value in variables.items():
                patch.setenv(name, value)
            patch.chdir(bookshop)
            patch.setattr(sys, "argv", ["crossfade", *arguments])
            patch.setattr(sys, "path", list(sys.path))
            try:
                main()
                code = 0
            except SystemExit as end:
                code = end.code
            finally:
                # The next copy of the project has modules of the same names.
                for name in [name for name in sys.modules if name.partition(".")[0] == "bookshop"]:
                    del sys.modules[name]
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, said.out, said.err)

    return run
