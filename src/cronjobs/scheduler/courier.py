"""Carries news out of the house, off everybody's path: handing it over takes no time and raises nothing.

A few threads of one process, which are there while there is something to carry. What is handed over is bounded in
number, what each takes in time; what can't be delivered, or is too much, is dropped with a line in the log: the inbox
has it all. Under TESTING nothing leaves this machine, whatever a database or an environment says.
"""

import asyncio
import logging
import os
import threading
from collections import deque
from collections.abc import Sequence
from urllib.parse import urlsplit

from cronjobs.scheduler import mail, slack
from cronjobs.scheduler.mail import UndeliveredError
from cronjobs.scheduler.outgoing import OutgoingError
from cronjobs.services.news import Mail, Piece, Post
from cronjobs.settings import Settings

MOST_WAITING = 1000
"""Deliveries that wait; what comes on top is dropped."""
MOST_CARRIERS = 4
GRACE = 3.0
"""Seconds that stopping grants to what is under way."""

_LETTERS = 20
"""Of one connection."""
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})

Delivery = Post | tuple[Mail, ...]

logger = logging.getLogger(__name__)


class Courier:
    """The courier of one process."""

    def __init__(self, settings: Settings) -> None:
        """Starts nothing."""
        self._settings = settings
        self._forget()

    def send(self, news: Sequence[Piece]) -> None:
        """Takes what a transaction that is committed wants said. Never blocks, never raises."""
        deliveries = self._deliveries(news)
        if not deliveries:
            return
        if self._process != os.getpid():
            self._forget()  # a child of a fork has its parent's lock, but none of its threads
        with self._changed:
            for delivery in deliveries:
                if self._stopped or len(self._waiting) >= MOST_WAITING:
                    logger.error(
                        "News about %s is dropped: there is too much to say, or no more time", _about(delivery)
                    )
                else:
                    self._waiting.append(delivery)
            while self._carriers < min(len(self._waiting), MOST_CARRIERS):
                try:
                    threading.Thread(target=self._carry, name="cronjobs-courier", daemon=True).start()
                except RuntimeError:  # the process is ending, or has too many threads: whoever carries already goes on
                    break
                self._carriers += 1

    def stop(self, grace: float = GRACE) -> None:
        """Waits `grace` seconds at most for what was handed over, and drops the rest; twice is once."""
        if self._process != os.getpid():
            return
        with self._changed:
            self._stopped = True
            self._changed.wait_for(lambda: self._carriers == 0, timeout=grace)
            dropped = len(self._waiting)
            self._waiting.clear()
        if dropped:
            logger.error("%s news are dropped: the process ends", dropped)

    def _forget(self) -> None:
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._waiting: deque[Delivery] = deque()
        self._carriers = 0
        self._stopped = False

    def _deliveries(self, news: Sequence[Piece]) -> list[Delivery]:
        letters = [piece for piece in news if isinstance(piece, Mail)]
        posts = [piece for piece in news if isinstance(piece, Post) and self._may_leave(_host(piece.webhook_url))]
        if not mail.is_on(self._settings) or not self._may_leave(self._settings.mail_server.strip()):
            letters = []
        return [*posts, *(tuple(letters[at : at + _LETTERS]) for at in range(0, len(letters), _LETTERS))]

    def _may_leave(self, host: str) -> bool:
        return not self._settings.testing or host in _HERE

    def _carry(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._carriers -= 1
                    self._changed.notify_all()
                    return
                delivery = self._waiting.popleft()
            self._deliver(delivery)

    def _deliver(self, delivery: Delivery) -> None:
        try:
            if isinstance(delivery, Post):
                asyncio.run(slack.deliver(delivery, self._settings))
            else:
                mail.deliver(delivery, self._settings)
        except (UndeliveredError, OutgoingError) as error:
            logger.warning("News about %s could not be delivered: %s", _about(delivery), error)
        except Exception as error:  # noqa: BLE001 - the edge of the thread: whatever it is, the next is delivered
            # Without the traceback: frames and messages may hold a secret.
            # Without the trace: what it quotes may hold secrets, and it repeats while the trouble lasts.
            logger.error("News about %s could not be delivered: %s", _about(delivery), type(error).__name__)  # noqa: TRY400


def _about(delivery: Delivery) -> str:
    if isinstance(delivery, Post):
        return f"{delivery.about} (Slack)"
    return f"{', '.join(sorted({each.about for each in delivery}))} (e-mail)"


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
