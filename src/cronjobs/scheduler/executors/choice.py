"""Which executor SCHEDULER_EXECUTOR names."""

from cronjobs.scheduler.executors.errors import ExecutorError
from cronjobs.scheduler.executors.interface import Executor
from cronjobs.scheduler.executors.local import LocalExecutor
from cronjobs.settings import Settings


def chosen(settings: Settings) -> Executor:
    """The executor of an installation. Raises ExecutorError if what it needs is not installed."""
    if settings.scheduler_executor == "local":
        return LocalExecutor()
    try:
        # An extra: who executes locally does not install it.
        from cronjobs.scheduler.executors.procrastinate import ProcrastinateExecutor  # noqa: PLC0415 - behind the extra
    except ModuleNotFoundError as error:
        raise ExecutorError(
            f"SCHEDULER_EXECUTOR is procrastinate, and {error.name} is not installed: "
            "pip install 'crossfade[procrastinate]'"
        ) from error
    return ProcrastinateExecutor()
