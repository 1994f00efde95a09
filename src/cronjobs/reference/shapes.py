"""JSON schemas in words, as a table shows them."""

from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]


def words(schema: Schema) -> str:
    """What a value is: `text`, `integer 1 to 30`, `list of [JobObject](#jobobject)`, `text or null`."""
    if "$ref" in schema:
        name = name_of(schema["$ref"])
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(words(each) for each in schema["anyOf"]))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    return _plain(schema)


def name_of(reference: str) -> str:
    """The name at the end of a `$ref`."""
    return reference.rpartition("/")[2]


def row(cells: Iterable[str]) -> str:
    """A row of a Markdown table."""
    # A list, because a table that is built with one bar too few is shown as text.
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """The lines of a Markdown table, and an empty one after it."""
    titles = list(titles)
    return [row(titles), "|" + "---|" * len(titles), *(row(cells) for cells in rows), ""]


def _plain(schema: Schema) -> str:
    match schema.get("type"):
        case "array":
            return f"list of {words(schema.get('items', {}))}"
        case "string":
            return _formats.get(schema.get("format", ""), "text")
        case "integer" | "number" as kind:
            return f"{kind}{_range(schema)}"
        case "boolean":
            return "true or false"
        case "object":
            return "object"
        case "null":
            return "null"
        case _:
            return "any JSON"


_formats = {
    "date-time": "instant",
    "date": "date",
    "binary": "file",
    "email": "e-mail address",
    "password": "text, secret",
    "path": "path",
}


def _range(schema: Schema) -> str:
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    most = schema.get("maximum", schema.get("exclusiveMaximum"))
    above = "above" if "exclusiveMinimum" in schema else "from"
    match least, most:
        case None, None:
            return ""
        case None, _:
            return f" up to {most}"
        case _, None:
            return f" {above} {least}"
        case _:
            return f" {above} {least} to {most}"
