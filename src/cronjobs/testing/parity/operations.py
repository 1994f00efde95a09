"""The endpoints of the OpenAPI document, as requests are made of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from cronjobs.fastapi_app.factory import PREFIX

Json = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """An endpoint: what it is asked with, and how it may answer."""

    method: str
    path: str
    """Below the stack's prefix, with names in braces."""
    query: tuple[str, ...]
    media_type: str | None
    """Of its body; None if it has none."""
    schema: Json
    """Of its body."""
    errors: frozenset[int]
    """The statuses from 400 on that it is said to answer."""
    shapes: dict[int, frozenset[str]]
    """For each of them the keys that its body may have."""

    @property
    def label(self) -> str:
        """`GET /jobs/{job_id}`."""
        return f"{self.method} {self.path}"

    @property
    def ids(self) -> tuple[str, ...]:
        """The names in its path."""
        return tuple(re.findall(r"{(\w+)}", self.path))


def operations(app: FastAPI) -> Iterator[Operation]:
    """All of them, in the order of the document."""
    document = app.openapi()
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            yield _operation(document, path.removeprefix(PREFIX), method.upper(), described)


def _operation(document: Json, path: str, method: str, described: Json) -> Operation:
    content: Json = described.get("requestBody", {}).get("content", {})
    media_type = next(iter(content), None)
    shapes = {
        int(status): _keys(document, answer) for status, answer in described["responses"].items() if status >= "400"
    }
    return Operation(
        method=method,
        path=path,
        query=tuple(each["name"] for each in described.get("parameters", ()) if each["in"] == "query"),
        media_type=media_type,
        schema=content[media_type]["schema"] if media_type else {},
        errors=frozenset(shapes),
        shapes=shapes,
    )


def _keys(document: Json, answer: Json) -> frozenset[str]:
    schema = _resolved(document, _resolved(document, answer)["content"]["application/json"]["schema"])
    return frozenset(schema["properties"])


def _resolved(document: Json, value: Json) -> Json:
    """What a reference of the document names, or the value itself."""
    if "$ref" not in value:
        return value
    found: Any = document
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)
