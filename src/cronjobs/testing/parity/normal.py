"""Answers and rows of two stacks, made comparable: what must differ is named by its place, nothing is left out."""

import json
import re
from collections.abc import Collection
from typing import Any

import jwt

from cronjobs.testing.client import Answer

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(Z|[+-]\d\d:\d\d)")
_TOKEN = re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}")


class Ids:
    """Names ids by the order in which they are first seen, so that the same id in two places stays the same."""

    def __init__(self, known: Collection[str] = ()) -> None:
        """Those that are `known` stay as they are: both sides have them."""
        self._known = frozenset(known)
        self._names: dict[str, str] = {}

    def knows(self, id_: str) -> bool:
        """Whether both sides have it."""
        return id_ in self._known

    def named(self, text: str) -> str:
        """The text, with names for the ids that nobody knew, and the claims of tokens in their place."""
        return UUID.sub(self._name, _TOKEN.sub(self._claims, text))

    def masked(self, text: str) -> str:
        """The text, with the same mask for all the ids that nobody knew: an order for what has none yet."""
        return UUID.sub(lambda found: found[0] if found[0] in self._known else "?", text)

    def _name(self, found: re.Match[str]) -> str:
        id_ = found[0]
        return id_ if id_ in self._known else self._names.setdefault(id_, f"id-{len(self._names)}")

    def _claims(self, found: re.Match[str]) -> str:
        claims = jwt.decode(found[0], options={"verify_signature": False})
        return f"token {json.dumps(claims, sort_keys=True)}".replace('"', "'")


class Normal:
    """What a stack answers to one request after another, where the clock runs on between the two stacks."""

    def __init__(self) -> None:
        self._ids = Ids()

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
        return self._ids.named(_INSTANT.sub("an instant", _TOKEN.sub("a token", text)))
