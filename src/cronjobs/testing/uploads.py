"""Multipart forms for tests, as browsers send them."""

from cronjobs.testing.client import Answer, Api
from cronjobs.testing.worlds import Person

BOUNDARY = "----a-boundary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


def form(*parts: tuple[str, str | None, bytes]) -> bytes:
    """A body of parts: name, file name (None for a field that is no file), content."""
    return b"".join(_part(*part) for part in parts) + f"--{BOUNDARY}--\r\n".encode()


def upload(api: Api, person: Person, file: str | bytes, **fields: str) -> Answer:
    """What the stack answers to a file of jobs."""
    content = file.encode() if isinstance(file, str) else file
    parts = [(name, None, value.encode()) for name, value in fields.items()]
    return send(api, person, form(("file", "jobs.csv", content), *parts))


def send(api: Api, person: Person | None, raw: bytes, content_type: str = MULTIPART) -> Answer:
    """What the stack answers to a body."""
    token = person.token if person else None
    return api.request("POST", "/jobs/bulk-upload", token=token, raw=raw, headers={"Content-Type": content_type})


def _part(name: str, file_name: str | None, content: bytes) -> bytes:
    named = "" if file_name is None else f'; filename="{file_name}"\r\nContent-Type: text/csv'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + content + b"\r\n"
