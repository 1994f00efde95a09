"""What a process logs, in the form that LOG_FORMAT asks for.

`text` leaves it to the server and to whoever configures Python's logging. `json` is one object a line: timestamp,
level, logger, message, the stack, what a record carries besides (`extra`), and the trace; secrets are masked.
"""

import logging
from typing import Any, Literal

from pythonjsonlogger.json import JsonFormatter
from typing_extensions import override

from crossfade import redaction

Format = Literal["text", "json"]

_SERVERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "gunicorn.error", "gunicorn.access")
"""Loggers that servers give handlers of their own."""


class Lines(JsonFormatter):
    """A record as one line of JSON, without secrets."""

    def __init__(self, **always: str) -> None:
        """`always` are fields of every line."""
        super().__init__(
            "{levelname}{name}{message}",
            style="{",
            rename_fields={"levelname": "level", "name": "logger"},
            static_fields=always,
            timestamp=True,
        )

    @override
    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {name: redaction.mask(value) if isinstance(value, str) else value for name, value in log_data.items()}


def configure(form: Format, *, application: str, stack: str) -> None:
    """Makes everything that this process logs from now on have that form; `text` changes nothing.

    Under `json` the loggers of `application`, a package, tell of what went well, too. To be called at start-up.
    """
    if form == "text":
        return
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler())
    for logger in (root, *map(logging.getLogger, _SERVERS)):
        for handler in logger.handlers:
            handler.setFormatter(Lines(stack=stack))
    logging.getLogger(application).setLevel(logging.INFO)
