"""The processes that fire: Flask's and FastAPI's servers, each a group that is killed and frozen whole."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from crossfade.errors import CrossfadeError
from crossfade.routes import STACKS, Stack

_WORDS = 500
_GUNICORN = "gunicorn --worker-class gthread --workers 1 --threads 2 --no-control-socket --log-level warning"
_UVICORN = "uvicorn --factory --no-access-log --log-level warning"


class ActorsError(CrossfadeError):
    """No process began to fire. The last words of one of them: {words}."""

    code = "drill-actors"

    def __init__(self, words: str) -> None:
        """`words` is the end of its log."""
        super().__init__(words=words)


@dataclass
class Actor:
    """A server, and the process that plays it now."""

    stack: Stack
    number: int
    process: subprocess.Popen[bytes]
    is_frozen: bool = False


@dataclass
class Troupe:
    """All of them."""

    folder: Path
    environ: Mapping[str, str]
    lease: float
    actors: list[Actor] = field(default_factory=list)
    _sockets: int = 0

    def begin(self, count: int) -> None:
        """Starts so many, of both stacks in turns."""
        for number in range(count):
            stack = STACKS[number % len(STACKS)]
            self.actors.append(Actor(stack, number, self._start(stack, number)))

    def kill(self, actor: Actor) -> None:
        """Kill -9, and another one takes its place."""
        self._signal(actor, signal.SIGKILL)
        actor.process.wait()
        actor.is_frozen = False
        actor.process = self._start(actor.stack, actor.number)

    def freeze(self, actor: Actor) -> None:
        """It stands still wherever it is."""
        self._signal(actor, signal.SIGSTOP)
        actor.is_frozen = True

    def thaw(self, actor: Actor) -> None:
        """It goes on as if nothing had been."""
        self._signal(actor, signal.SIGCONT)
        actor.is_frozen = False

    def replace_ended(self) -> int:
        """Starts those anew that ended by themselves, as a supervisor would; how many these were."""
        ended = [actor for actor in self.actors if actor.process.poll() is not None]
        for actor in ended:
            actor.process = self._start(actor.stack, actor.number)
            actor.is_frozen = False
        return len(ended)

    def end(self) -> None:
        """All are gone."""
        for actor in self.actors:
            with suppress(ProcessLookupError):
                self._signal(actor, signal.SIGKILL)
            actor.process.wait()

    def last_words(self) -> str:
        """The end of a log."""
        logs = [log.read_text(errors="replace").strip() for log in self.folder.glob("*.log")]
        return next((log[-_WORDS:] for log in logs if log), "none")

    def memory(self) -> int:
        """Bytes that all of them hold."""
        return sum(_resident(actor.process.pid) for actor in self.actors)

    def _signal(self, actor: Actor, number: signal.Signals) -> None:
        os.killpg(actor.process.pid, number)

    def _start(self, stack: Stack, number: int) -> subprocess.Popen[bytes]:
        self._sockets += 1
        place = self.folder / f"{stack}{number}.{self._sockets}.sock"
        if stack == "flask":
            words = [*_GUNICORN.split(), "--bind", f"unix:{place}", "cronjobs.flask_app:create_app()"]
        else:
            words = [*_UVICORN.split(), "--uds", str(place), "cronjobs.fastapi_app:create_app"]
        log = self.folder / f"{stack}{number}.log"
        with log.open("ab") as said:
            return subprocess.Popen(  # noqa: S603 - this interpreter, and words of ours
                [sys.executable, "-m", "cronjobs.scheduler.drill.actor", str(self.lease), *words],
                cwd=self.folder,
                env=dict(self.environ),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
