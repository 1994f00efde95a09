"""Bodies of requests, made of one that is accepted and of its schema: each field missing, null, of every other type,
blank, as long as it may be and a little longer, and odd in ways of its own; and bodies that are no such thing at all.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import String

from cronjobs.models import metadata
from cronjobs.services import credentials, slack
from cronjobs.testing.parity.values import NO_JSON, ODD_TEXTS, OF_ANY_TYPE, Values
from cronjobs.testing.uploads import MULTIPART, form
from cronjobs.web import requests

JSON, FORM = "application/json", "application/x-www-form-urlencoded"

Body = tuple[str, bytes, str | None]
"""What is special about it, the bytes, and the content type."""


def json_bodies(valid: Mapping[str, Any], schema: Mapping[str, Any], special: Values) -> Iterator[Body]:
    """Of an endpoint that takes JSON; `special` are values that mean something to a field of that name."""
    for why, value in _objects(valid, schema, special):
        yield why, json.dumps(value).encode(), JSON
    yield from _no_objects(json.dumps(valid).encode())


def form_bodies(valid: Mapping[str, str], schema: Mapping[str, Any]) -> Iterator[Body]:
    """Of an endpoint that takes an HTML form."""
    whole = urlencode(valid).encode()
    yield "as it should be", whole, FORM
    yield "of another type", json.dumps(valid).encode(), JSON
    for name in schema["properties"]:
        rest = urlencode({key: value for key, value in valid.items() if key != name}).encode()
        yield f"without {name}", rest, FORM
        for written in (b"", b"+", b"x", b"%00", b"%FF", b"%zz", b"%", b"\xff", b"%E6%97%A5", b"=", b"x" * 5000):
            yield f"{name} is {written[:10]!r}", rest + b"&" + name.encode() + b"=" + written, FORM
        yield f"{name} twice", whole + b"&" + name.encode() + b"=x", FORM
        yield f"{name} without a value", rest + b"&" + name.encode(), FORM
    for raw in (b"", b"&", b"&&=&", b"junk", whole + b"&unknown=1", whole.replace(b"&", b";"), b"a=1&" * 150):
        yield f"{raw[:10]!r}", raw, FORM
    for content_type in (None, "text/plain", f"{FORM}; charset=utf-16", MULTIPART):
        yield f"called {content_type}", whole, content_type
    yield "as large as allowed", whole.ljust(requests.LARGEST_BODY, b"x"), FORM
    yield "too large", whole.ljust(requests.LARGEST_BODY + 1, b"x"), FORM


def upload_bodies(valid: Mapping[str, str]) -> Iterator[Body]:
    """Of an endpoint that takes a file."""
    content = valid["file"].encode()
    title, good = content.split(b"\n", 1)
    file = ("file", "jobs.csv", content)
    yield "as it should be", form(file), MULTIPART
    for name, values in _UPLOAD_FIELDS.items():
        for value in values:
            yield f"{name} is {value!r}", form(file, (name, None, value.encode())), MULTIPART
    for why, sheet in _sheets(content, title, good).items():
        yield why, form(("file", "jobs.csv", sheet)), MULTIPART
    whole = form(file)
    for why, raw, content_type in (
        ("no file", form(("file", None, content)), MULTIPART),
        ("a file that nobody chose", form(("file", "", b"")), MULTIPART),
        ("under another name", form(("sheet", "jobs.csv", content)), MULTIPART),
        ("two files", form(file, file), MULTIPART),
        ("many parts", form(*((f"p{number}", None, b"x") for number in range(30)), file), MULTIPART),
        ("cut short", whole[:-9], MULTIPART),
        ("cut in the middle", whole[: len(whole) // 2], MULTIPART),
        ("empty", b"", MULTIPART),
        ("no boundary", whole, "multipart/form-data"),
        ("an empty boundary", whole, "multipart/form-data; boundary="),
        ("a long boundary", whole, f"multipart/form-data; boundary={'x' * 71}"),
        ("another boundary", whole, "multipart/form-data; boundary=another"),
        ("a type beyond ASCII", whole, MULTIPART + "\xe9"),
        ("of another type", whole, JSON),
        ("of no type", whole, None),
        ("too large", form(("file", "jobs.csv", b"x" * requests.LARGEST_BODY)), MULTIPART),
    ):
        yield why, raw, content_type


_UPLOAD_FIELDS = {
    "dry_run": ("true", "1", " ", "maybe"),
    "default_github_owner": ("acme", "../x", "", "x\x00"),
    "unknown": ("x",),
}


def _sheets(content: bytes, title: bytes, good: bytes) -> dict[str, bytes]:
    """Files, by what is special about them."""
    return {
        "nothing": b"",
        "blanks": b" \n \n",
        "titles alone": title,
        "other titles": b"a,b\n1,2",
        "titles twice": title + b",name\n" + good,
        "NUL": title + b"\n\x00,",
        "not UTF-8": title + b"\n\xff,",
        "a mark": b"\xef\xbb\xbf" + content,
        "UTF-16": content.decode().encode("utf-16"),
        "CRLF": content.replace(b"\n", b"\r\n"),
        "CR": content.replace(b"\n", b"\r"),
        "an open quote": title + b'\n"x',
        "twice": title + b"\n" + good + good,
        "short rows": title + b"\nx\n" + good,
        "long rows": title + b"\nx,,,,,,,,\n" + good,
        "odd rows": title + b"\n,,,\n\n" + good + "日本,x,y,z,é\n".encode(),
        "a long cell": title + b"\n" + b"x" * 200_000,
        "binary": bytes(range(256)),
    }


def _objects(valid: Mapping[str, Any], schema: Mapping[str, Any], special: Values) -> Iterator[tuple[str, Any]]:
    yield "as it should be", dict(valid)
    yield "nothing in it", {}
    yield "an unknown field", {**valid, "unknown": {"a": [1]}, "id": "x", "created_by": None}
    yield "all fields null", dict.fromkeys(schema["properties"])
    yield "all fields numbers", dict.fromkeys(schema["properties"], 7)
    yield "all fields blank", dict.fromkeys(schema["properties"], " ")
    for name in schema["properties"]:
        if name in valid:
            yield f"without {name}", {key: value for key, value in valid.items() if key != name}
        for value in (*OF_ANY_TYPE, *ODD_TEXTS, *special.get(name, ())):
            yield f"{name} is {_short(value)}", {**valid, name: value}
        for length in _lengths(name):
            yield f"{name} has {length} characters", {**valid, name: _stretched(name, valid.get(name), length)}


def _no_objects(good: bytes) -> Iterator[Body]:
    """What is no JSON object of the contract, or is sent as something else."""
    for raw in (*NO_JSON, *_broken(good)):
        yield f"{_short(raw)}", raw, JSON
    for content_type in (None, "", "text/plain", FORM, MULTIPART, f"{JSON}; charset=utf-16", "junk", "application/xml"):
        yield f"called {content_type}", good, content_type
    yield "as large as allowed", good.ljust(requests.LARGEST_BODY), JSON
    yield "too large", good.ljust(requests.LARGEST_BODY + 1), JSON


def _broken(good: bytes) -> Iterator[bytes]:
    yield from (good[:-1], good + b"\x00", b"\xef\xbb\xbf" + good, good.decode().encode("utf-16"))
    yield good[:-1] + b', "name": "first", "name": "second"}'


def _lengths(name: str) -> list[int]:
    """Lengths around those that a field of that name may have."""
    bounds = {column.type.length or 0 for table in metadata.sorted_tables for column in table.columns
              if column.name == name and isinstance(column.type, String)}  # fmt: skip
    bounds |= _BOUNDS.get(name, set())
    return sorted({bound + step for bound in bounds - {0} for step in (-1, 0, 1)})


_BOUNDS = {
    "username": {credentials.SHORTEST_USERNAME, 320},
    "email": {320},
    "password": {credentials.SHORTEST_PASSWORD, credentials.LONGEST_PASSWORD},
    "webhook_url": {slack.LONGEST_URL},
    "expression": {100},
    "dispatch_url": {500},
    "github_token": {500},
}
"""Lengths that no column has."""


def _stretched(name: str, good: Any, length: int) -> str:
    """A text of that length that is as good as its field allows."""
    match name, good:
        case (("cron_expression" | "expression"), _):
            return ("0 3 * * " + "1," * length)[: length - 1] + "1"
        case "email", _:
            return ("a" * 60 + "@" + ("b" * 40 + ".") * length)[: length - 2] + "cc"
        case (("webhook_url" | "target_url" | "dispatch_url"), _):
            start = good if isinstance(good, str) else "https://hooks.slack.com/x"
            return (start.rstrip("/") + "/").ljust(length, "x")[:length]
        case "github_workflow_name", _:
            return "x" * (length - 4) + ".yml"
        case _:
            return "x" * length


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 40 else f"{text[:40]}…"
