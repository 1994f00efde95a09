"""What docs/operators.md shows happens: its requests are sent, to both stacks, and answered as the page says."""

import json
import re

import pytest

from cronjobs.services import sheets
from cronjobs.testing.client import UNSENT, Api
from cronjobs.testing.uploads import upload
from cronjobs.testing.worlds import Person
from crossfade.project import Project

PAGE = (Project.find().root / "docs" / "operators.md").read_text()
EXAMPLES = re.findall(r"^```http\n(\w+) (\S+)\n(.*?)\n?\n(\d{3}) ?([^\n]*)\n```$", PAGE, re.MULTILINE | re.DOTALL)
FILES = re.findall(r"^```csv\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(params=["flask", "fastapi"])
def stack(request: pytest.FixtureRequest, api: Api, twin: Api) -> Api:
    return api if request.param == "flask" else twin


def test_every_example_is_answered_as_the_page_says(stack: Api, admin: Person) -> None:
    assert len(EXAMPLES) == PAGE.count("```http")
    job = ""

    for method, path, body, status, words in EXAMPLES:
        sent = json.loads(body) if body.strip() else UNSENT
        answer = stack.request(method, path.format(job=job), token=admin.token, json_body=sent)

        assert answer.status == int(status), (path, body, answer.text)
        if words:
            assert words == answer.json.get("error" if answer.status >= 400 else "message"), (path, body)
        if "job" in answer.json:
            job = answer.json["job"]["id"]


def test_the_file_on_the_page_becomes_jobs(stack: Api, admin: Person) -> None:
    reports = [upload(stack, admin, file).json for file in FILES]

    assert [(report["created_count"], report["errors"]) for report in reports] == [(2, [])]


def test_the_page_names_every_header() -> None:
    lines = [line for line in PAGE.splitlines() if line.startswith("| ")]

    for headers in sheets.ALIASES.values():
        assert any(all(header in line for header in headers) for line in lines), headers
