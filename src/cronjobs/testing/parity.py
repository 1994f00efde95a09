"""Whether two stacks say the same: answers with the values that must differ (ids, instants, tokens) made alike."""

import re
from typing import Any

from cronjobs.testing.client import Answer

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(Z|[+-]\d\d:\d\d)")
_TOKEN = re.compile(r"[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}")


class Normal:
    """Names ids by the order in which they are first seen, so that the same id in two places stays the same."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def answer(self, answer: Answer) -> tuple[int, Any]:
        """Status and JSON, comparable with another stack's."""
        return answer.status, self._value(answer.json if answer.raw else None)

    def _value(self, value: Any) -> Any:
        match value:
            case dict():
                return {self._text(key): self._value(item) for key, item in value.items()}
            case list():
                return [self._value(item) for item in value]
            case str():
                return self._text(value)
            case float():
                return "a float"
            case _:
                return value

    def _text(self, text: str) -> str:
        text = _UUID.sub(lambda found: self._ids.setdefault(found[0], f"id-{len(self._ids)}"), text)
        return _TOKEN.sub("a token", _INSTANT.sub("an instant", text))
