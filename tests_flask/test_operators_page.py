"""What docs/operators.md shows happens: its requests are sent, to both stacks, and answered as the page says."""

import json
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from cronjobs.models import Job
from cronjobs.models.executions import STATUS_OF
from cronjobs.models.jobs import CRASH_POLICIES, MISFIRE_POLICIES, OVERLAP_POLICIES
from cronjobs.services import drafts, sheets
from cronjobs.services.runs import policies
from cronjobs.services.schedules import Schedule
from cronjobs.testing.client import UNSENT, Api
from cronjobs.testing.uploads import upload
from cronjobs.testing.worlds import Person
from crossfade.project import Project

PAGE = (Project.find().root / "docs" / "operators.md").read_text()
EXAMPLES = re.findall(r"^```http\n(\w+) (\S+)\n(.*?)\n?\n(\d{3}) ?([^\n]*)\n```$", PAGE, re.MULTILINE | re.DOTALL)
OUTAGES = re.findall(r"^\| `(\w+)` \| (\w+) \| (\d+ run) \| ([^|]+) \|$", PAGE, re.MULTILINE)
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


@pytest.mark.parametrize("line", OUTAGES, ids=" ".join)
def test_an_outage_does_to_late_runs_what_the_page_says(line: tuple[str, str, str, str]) -> None:
    misfire, grace, *told = line
    job = Job(
        **drafts.POLICIES
        | {"misfire_policy": misfire, "misfire_grace_seconds": None if grace == "null" else int(grace)}
    )
    schedule, policy = Schedule("*/5 * * * *", "standard", ZoneInfo("UTC")), policies.of(job)

    deploy = policies.sort_out(schedule, policy, due=at(12, 0), moment=at(12, 0, 30))
    outage = policies.sort_out(schedule, policy, due=at(10, 5), moment=at(12, 2))

    assert [in_words(deploy), in_words(outage)] == told


def at(hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2026, 11, 28, hour, minute, second, tzinfo=UTC)


def in_words(late: policies.Sorted) -> str:
    return f"{len(late.run)} run" + (f", {late.missed.count} missed" if late.missed else "")


def test_the_page_names_every_policy_and_every_state_with_its_status() -> None:
    assert all(f"| `{field}` |" in PAGE for field in drafts.POLICIES)
    assert {line[0] for line in OUTAGES} == set(MISFIRE_POLICIES)
    assert all(f"`{value}`" in PAGE for value in (*OVERLAP_POLICIES, *CRASH_POLICIES))
    assert all(f"| `{state}` | {status} |" in PAGE for state, status in STATUS_OF.items())


def test_the_page_names_every_metric(stack: Api) -> None:
    families = re.findall(r"^# TYPE (\S+) ", stack.get("/metrics").text, re.MULTILINE)

    assert families
    assert [family for family in families if f"`{family}`" not in PAGE] == []


def test_the_page_names_every_header() -> None:
    lines = [line for line in PAGE.splitlines() if line.startswith("| ")]

    for headers in sheets.ALIASES.values():
        assert any(all(header in line for header in headers) for line in lines), headers
