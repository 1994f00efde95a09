"""How often somebody may try to sign in: whoever fails too often under one name has to wait.

Counted in this process and forgotten with it: a refused login leaves no trace in the database, and a guesser that is
slowed down by every process is slowed down enough. Names are counted whether or not there is such a user.
"""

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from threading import Lock

from cronjobs.services.errors import TooManyError
from crossfade import clock

MOST_NAMES = 10_000
"""Names that are remembered; the one that was tried longest ago is forgotten first."""


class Attempts:
    """Failed logins of late, by the name that was given. Threads may share it."""

    def __init__(self, *, most: int = 20, window: timedelta = timedelta(minutes=1)) -> None:
        """Allows `most` failures under one name in any `window`."""
        self._most = most
        self._window = window
        self._failures: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._lock = Lock()

    def check(self, name: str) -> None:
        """Raises TooManyError while the name has failed too often."""
        with self._lock:
            failures = self._failures.get(name.casefold())
            if failures is None or len(failures) < self._most:
                return
            wait = failures[0] + self._window - clock.now()
        if wait > timedelta(0):
            seconds = int(wait.total_seconds()) + 1
            raise TooManyError(f"Too many failed logins. Try again in {seconds} seconds.", retry_after=seconds)

    def failed(self, name: str) -> None:
        """Count a failure."""
        with self._lock:
            # Only the last ones matter: the oldest of them says how long to wait.
            failures = self._failures.setdefault(name.casefold(), deque(maxlen=self._most))
            failures.append(clock.now())
            self._failures.move_to_end(name.casefold())
            if len(self._failures) > MOST_NAMES:
                self._failures.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget the failures under a name."""
        with self._lock:
            self._failures.pop(name.casefold(), None)
