"""What can be wrong with an executor."""

from crossfade.errors import ConfigurationError


class ExecutorError(ConfigurationError):
    """{reason}."""

    code = "executor"

    def __init__(self, reason: str) -> None:
        """`reason` is a sentence without its stop."""
        super().__init__(reason=reason)
