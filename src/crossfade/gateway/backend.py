"""What runs inside the processes behind the front door: the project's own applications, nothing added to their code.

They know the client's address from the front door alone, and they don't outlive it: the front door holds one end of
a pipe for as long as it lives, however it ends, and a stack that sees the pipe close ends itself.
"""

import os
import shutil
import signal
import threading
import time
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

from crossfade.gateway.applications import application
from crossfade.project import Project

LIFELINE = "CROSSFADE_LIFELINE"
"""The variable with the number of the pipe's descriptor and, after a colon, the front door's private folder."""
GRACE_SECONDS = 10
"""How long an orphan gets to end what it is doing."""


def flask() -> ProxyFix:
    """The project's Flask application, for gunicorn."""
    hold_lifeline()
    return ProxyFix(application(Project.find(), "flask"), x_for=1, x_proto=1, x_host=1)


def fastapi() -> Any:
    """The project's FastAPI application, for uvicorn (which reads the forwarded headers itself)."""
    hold_lifeline()
    return application(Project.find(), "fastapi")


def hold_lifeline() -> None:
    """Ends this process and its group when the process that started it is gone. Without a lifeline it does nothing.

    To be called in the process that works, after a pre-forking server has forked: a thread doesn't survive that.
    """
    # Taken out, so that no program that the application starts takes it for its own.
    lifeline = os.environ.pop(LIFELINE, None)
    if lifeline is not None:
        pipe, _, folder = lifeline.partition(":")
        threading.Thread(target=_watch, args=(int(pipe), folder), name="lifeline", daemon=True).start()


def _watch(pipe: int, folder: str) -> None:
    # Nothing is ever written: a read returns when the other end is closed.
    os.read(pipe, 1)
    # What the front door would have cleared away itself, had it had the time.
    shutil.rmtree(folder, ignore_errors=True)
    try:
        # The leader of the group is the stack's server (see `processes`): it ends its workers in its own order.
        os.kill(os.getpgrp(), signal.SIGTERM)
    except ProcessLookupError:
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)
