"""The parameters of queries, as the OpenAPI document describes them. What each means is read in `web.queries`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Parameter:
    """What may be written for a parameter, and whether anything else is refused or taken for nothing."""

    schema: Mapping[str, Any]
    meaning: str
    is_refused: bool = False
    """Whether a value can be refused."""


_TEXT = {"type": "string"}
_NUMBER = {"type": "integer", "minimum": 1}
_FLAG = {"type": "boolean"}


def _words(meaning: str) -> Parameter:
    return Parameter(_TEXT, f"{meaning}, comma-separated", is_refused=True)


PARAMETERS: Mapping[str, Parameter] = {
    "page": Parameter(_NUMBER, "Which page"),
    "per_page": Parameter(_NUMBER, "How many on a page, 100 at most"),
    "limit": Parameter(_NUMBER, "How many, 200 at most"),
    "count": Parameter(_NUMBER, "How many, 20 at most"),
    "search": Parameter(_TEXT, "A part of the name, in any case", is_refused=True),
    "category": Parameter(_TEXT, "A slug or a name, in any case", is_refused=True),
    "pic_team": Parameter(_TEXT, "A slug or a name, in any case", is_refused=True),
    "is_active": Parameter(_FLAG, "Only active or only inactive ones"),
    "include_inactive": Parameter(_FLAG, "Disabled ones too, for admins"),
    "unread_only": Parameter(_FLAG, "Only unread ones"),
    "job_id": Parameter(_TEXT, "Only of that job", is_refused=True),
    "status": _words("Only of these statuses"),
    "state": _words("Only in these states"),
    "trigger_type": _words("Only of these triggers"),
    "execution_type": _words("Only of these types"),
    "actor": Parameter(_TEXT, "Only of that user, by id or name", is_refused=True),
    "kind": _words("Only of these kinds of things"),
    "action": _words("Only these actions"),
    "from": Parameter(_TEXT, "A date or an instant, inclusive", is_refused=True),
    "to": Parameter(_TEXT, "A date, the whole day, or an instant, exclusive", is_refused=True),
}
"""By name: a name means the same wherever it is known. Numbers and flags that are junk are taken for nothing."""


def described(names: Iterable[str]) -> list[dict[str, Any]]:
    """The parameters of these names, for the OpenAPI document."""
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": f"{PARAMETERS[name].meaning}.",
            "schema": dict(PARAMETERS[name].schema),
        }
        for name in names
    ]
