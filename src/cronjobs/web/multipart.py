"""How a form with files becomes values: one parser for both stacks, over the body that each has read within its limit.

What the fields and files have to be is left to the schemas.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header

from cronjobs.services import errors
from cronjobs.web import requests

FORM = b"multipart/form-data"
_MOST_PARTS = 20
_LONGEST_BOUNDARY = 70
"""Bytes: RFC 2046, section 5.1.1."""


@dataclass(frozen=True)
class Form:
    """What was sent, by the names of the parts."""

    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Without those of a file input in which nobody chose a file."""


def parse(content_type: str | None, raw: bytes) -> Form:
    """The body of a multipart form. Raises InvalidError for anything else, and for a part that comes twice."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != FORM or not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise _invalid("Send a form with a file: Content-Type: multipart/form-data, with a boundary.")
    found = _Parts()
    try:
        # Nothing is written to a disk: the whole body is in memory already.
        limits = {"MAX_MEMORY_FILE_SIZE": requests.LARGEST_BODY + 1, "UPLOAD_ERROR_ON_BAD_CTE": True}
        parser = FormParser(FORM.decode(), found.take_field, found.take_file, found.end, boundary, config=limits)
        parser.write(raw)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise _invalid("The body is not a valid multipart form.") from error
    if not found.ended:
        raise _invalid("The multipart form is cut short.")
    return Form(found.fields, found.files)


class _Parts:
    """Gathers the parts as they are parsed."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        self.ended = False
        self._seen: set[str] = set()

    def take_field(self, part: Field) -> None:
        value = (part.value or b"").decode()
        if "\x00" in value:
            raise _invalid("Text must not contain the character U+0000.")
        self.fields[self._name(part.field_name)] = value

    def take_file(self, part: File) -> None:
        name = self._name(part.field_name)
        part.file_object.seek(0)
        content = part.file_object.read()
        if part.file_name or content:
            self.files[name] = content

    def end(self) -> None:
        self.ended = True

    def _name(self, written: bytes | None) -> str:
        name = (written or b"").decode()
        if name in self._seen:
            raise _invalid("The form names a field twice.")
        self._seen.add(name)
        if len(self._seen) > _MOST_PARTS:
            raise _invalid(f"The form has more than {_MOST_PARTS} parts.")
        return name


def _invalid(message: str) -> errors.InvalidError:
    return errors.InvalidError(message, error="Invalid form")
