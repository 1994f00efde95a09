"""Executes a claim, or tries a target: one deadline, no exception for what a target does, no token in what is told.

Nothing of a database is known here. A manual run is three steps: `runs.begin_manual` in one unit of work, `perform`,
and `runs.finish` in another.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from cronjobs.models.base import new_id
from cronjobs.models.executions import WEBHOOK
from cronjobs.scheduler import github, outgoing, webhook
from cronjobs.scheduler.outgoing import OutgoingError, Reply
from cronjobs.scheduler.signing import Message
from cronjobs.services import calls
from cronjobs.services.calls import Call, Claim, Outcome
from cronjobs.settings import Settings
from crossfade import clock

LONGEST_OUTPUT = 1000
"""Characters of an answer's body, or of an error, that are kept."""
LONGEST_TRIAL, SHORTEST_TRIAL = 30.0, 1.0
"""Seconds."""

_MASK = "***"

T = TypeVar("T")

logger = logging.getLogger(__name__)


def _always() -> bool:
    return True


@dataclass(frozen=True)
class Trial:
    """What came of trying a target."""

    ok: bool
    type: str
    """webhook or github."""
    status_code: int | None
    error: str | None
    message: str


async def perform(claim: Claim, settings: Settings, *, is_ours: Callable[[], bool] = _always) -> Outcome:
    """Calls the claim's target and says how it went. Never raises for what a target does, nor outlasts the deadline.

    `is_ours` is asked before anything is sent: a process that was frozen may have lost the run meanwhile.
    """
    outcome = await _outcome(claim.call, settings, _message(claim, settings), is_ours)
    logger.log(
        logging.INFO if outcome.ok else logging.WARNING,
        "Job %s (%s), run %s, attempt %s: %s",
        claim.job_id,
        claim.job_name,
        claim.execution_id,
        claim.attempt,
        "success" if outcome.ok else outcome.error,
        extra=calls.fields(claim),
    )
    return outcome


def perform_blocking(claim: Claim, settings: Settings) -> Outcome:
    """The same for code without an event loop, and for such code inside of one."""
    return _blocking(perform(claim, settings))


async def test_run(call: Call, settings: Settings, *, timeout_seconds: float) -> Trial:
    """Tries a target, which is really called; nothing is stored. The timeout is kept within 1 to 30 s."""
    deadline = min(max(timeout_seconds, SHORTEST_TRIAL), LONGEST_TRIAL)
    message = Message(id=new_id(), attempt=1, sent_at=clock.now(), secret=settings.webhook_secret)
    outcome = await _outcome(replace(call, deadline=deadline), settings, message)
    kind = "webhook" if call.kind == WEBHOOK else "github"
    said = f"The target answered {outcome.status}." if outcome.ok else outcome.error or ""
    return Trial(outcome.ok, kind, outcome.status, outcome.error, said)


def test_run_blocking(call: Call, settings: Settings, *, timeout_seconds: float) -> Trial:
    """The same for code without an event loop, and for such code inside of one."""
    return _blocking(test_run(call, settings, timeout_seconds=timeout_seconds))


def _message(claim: Claim, settings: Settings) -> Message:
    return Message(id=claim.execution_id, attempt=claim.attempt, sent_at=clock.now(), secret=settings.webhook_secret)


async def _outcome(call: Call, settings: Settings, message: Message, may_send: Callable[[], bool] = _always) -> Outcome:
    allowed = settings.private_targets_allowed
    try:
        async with outgoing.calling(private_allowed=allowed, deadline=call.deadline, may_send=may_send) as caller:
            is_webhook = call.kind == WEBHOOK
            reply = await (webhook.send(call, caller, message) if is_webhook else github.send(call, caller, settings))
        outcome = _judged(call, reply)
    except OutgoingError as error:
        outcome = Outcome(ok=False, status=error.status, error=str(error))
    except Exception as error:  # noqa: BLE001 - whatever a target makes a library do, the run ends as a failure
        # Without the traceback: frames and messages may hold the token.
        # Without the trace: what it quotes may hold secrets, and it repeats while the trouble lasts.
        logger.error("Calling %s failed unexpectedly: %s", call.kind, type(error).__name__)  # noqa: TRY400
        outcome = Outcome(ok=False, error=f"The call failed unexpectedly ({type(error).__name__}).")
    return replace(outcome, error=_kept(outcome.error, call, settings), output=_kept(outcome.output, call, settings))


def _judged(call: Call, reply: Reply) -> Outcome:
    good = range(200, 300) if call.kind == WEBHOOK else (200, 204)
    if reply.status in good:
        return Outcome(ok=True, status=reply.status, output=reply.text or None)
    what = "The target" if call.kind == WEBHOOK else "GitHub"
    return Outcome(ok=False, status=reply.status, error=f"{what} answered {reply.status}.", output=reply.text or None)


def _kept(text: str | None, call: Call, settings: Settings) -> str | None:
    """Text as it may be stored: without tokens, also when a server echoes them, and not too long."""
    if text is None:
        return None
    for token in (call.token, settings.github_token):
        if token is not None and token.get_secret_value():
            text = text.replace(token.get_secret_value(), _MASK)
    # PostgreSQL stores no U+0000.
    return text.replace("\x00", "\ufffd")[:LONGEST_OUTPUT]


def _blocking(work: Coroutine[Any, Any, T]) -> T:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    # A loop already runs in this thread, as when Flask is called from async code: use another thread's.
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()
