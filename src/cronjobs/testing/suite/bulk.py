"""Bulk upload: which files are read, what their rows mean, and that bad rows leave good ones alone."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.models import Job
from cronjobs.services import jobs, sheets
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.jobs import day, store, wanted
from cronjobs.testing.uploads import MULTIPART, form, send, upload
from cronjobs.testing.worlds import Person
from cronjobs.web import requests

HEADER = "Job Name,Cron Schedule (JST),End Date,PIC Team,Target URL"


def row(settings: Settings, name: str = "Nightly", url: str = "https://example.com/hook") -> str:
    """A good row under HEADER."""
    return f"{name},0 3 * * *,{day(settings, 30)},Platform,{url}"


def file(settings: Settings, *names: str) -> str:
    """A file with a good row for each name."""
    return "\n".join([HEADER, *(row(settings, name) for name in names), ""])


def names(session: Session) -> set[str]:
    session.rollback()
    return set(session.scalars(select(Job.name)))


def test_rows_become_jobs_of_whoever_sends_them(api: Api, session: Session, settings: Settings, editor: Person) -> None:
    answer = upload(api, editor, file(settings, "one", "two"))

    assert answer.status == 200
    report = answer.json
    assert report["message"] == "2 jobs created, 0 refused"
    assert (report["dry_run"], report["created_count"], report["error_count"]) == (False, 2, 0)
    assert report["errors"] == []
    assert [job["name"] for job in report["jobs"]] == ["one", "two"]
    assert all(job["created_by"] == editor.id and job["is_active"] for job in report["jobs"])
    assert names(session) == {"one", "two"}
    assert all(job.next_run_at is not None for job in session.scalars(select(Job)))
    shown = api.get(f"/jobs/{report['jobs'][0]['id']}", token=editor.token).json["job"]
    assert shown.items() >= report["jobs"][0].items()


def test_a_row_means_what_the_same_job_means_when_it_is_sent_alone(
    api: Api, settings: Settings, editor: Person
) -> None:
    alone = api.post("/jobs", token=editor.token, json=wanted(settings, metadata={"a": 1})).json["job"]
    quoted = HEADER + ",Request Body\n" + row(settings, "Other") + ',"{""a"": 1}"'

    uploaded = upload(api, editor, quoted).json["jobs"][0]

    own = {"id", "name", "created_at", "updated_at"}
    assert {key: uploaded[key] for key in uploaded.keys() - own} == {key: alone[key] for key in alone.keys() - own}


def test_every_alias_of_a_header_is_known_in_any_case(api: Api, settings: Settings, editor: Person) -> None:
    web = {
        "name": "by alias",
        "cron_expression": "5 4 * * *",
        "target_url": "https://example.com/alias",
        "end_date": str(day(settings, 1)),
        "pic_team": "PLATFORM",
        "is_active": "inactive",
        "category": "DR Testing",
        "metadata": '"{""k"": 1}"',
        "branch": "main",
    }
    flow = {"github_owner": "acme", "github_repo": "tools", "github_workflow_name": "nightly.yml"}
    for field, headers in sheets.ALIASES.items():
        values = {key: value for key, value in web.items() if key != "target_url"} | flow if field in flow else web
        for header in headers:
            titles = [header.upper() if key == field else sheets.ALIASES[key][0] for key in values]
            content = ",".join(titles) + "\n" + ",".join(values.values())

            report = upload(api, editor, content, dry_run="true").json

            assert report["errors"] == []
            job = report["jobs"][0]
            assert (job["name"], job["cron_expression"]) == ("by alias", "5 4 * * *")
            assert (job["pic_team"], job["category"], job["is_active"]) == ("platform", "dr-testing", False)
            assert job["end_date"] == str(day(settings, 1))
            assert job["metadata"] == {"k": 1, "branchDetails": "main"}
            assert (job["target_url"], job["github_repo"]) == (
                (None, "tools") if field in flow else ("https://example.com/alias", None)
            )


def test_columns_without_a_header_and_empty_rows_are_dropped_and_counted(
    api: Api, settings: Settings, editor: Person
) -> None:
    lines = [
        "\ufeff,," + HEADER + ", ,Notes",
        "dropped,," + row(settings, "one") + ",dropped,kept but unknown,and dropped too",
        "",
        ",,,, ,,",
        "dropped alone",
        ",," + row(settings, "two"),
    ]

    report = upload(api, editor, "\r\n".join(lines)).json

    assert report["errors"] == []
    assert [job["name"] for job in report["jobs"]] == ["one", "two"]
    assert report["stats"] == {
        "original_column_count": 10,
        "original_row_count": 5,
        "removed_column_count": 4,
        "removed_empty_row_count": 3,
    }


def test_good_rows_are_created_even_when_others_fail(
    api: Api, session: Session, settings: Settings, editor: Person
) -> None:
    store(session, settings, name="taken")
    end = day(settings, 30)
    lines = [
        HEADER + ",Status,Request Body,Repo",
        row(settings, "first"),
        '"two\nlines",0 3 * * *,' + f"{end},Platform,https://example.com/",
        "",
        row(settings, "taken"),
        f"no schedule,,{end},Platform,https://example.com/",
        f"bad cron,0 3 * * 8,{end},Platform,https://example.com/",
        "bad date,0 3 * * *,31.12.2099,Platform,https://example.com/",
        "over,0 3 * * *,2020-01-01,Platform,https://example.com/",
        f"no team,0 3 * * *,{end},nobody,https://example.com/",
        row(settings, "no address", "ftp://example.com"),
        row(settings, "perhaps") + ",perhaps",
        row(settings, "no json") + ",,{",
        row(settings, "a list") + ",,[]",
        row(settings, "nul") + ',,"{""a"": ""\\u0000""}"',
        row(settings, "two targets") + ",,,acme/tools",
        row(settings, "x" * 256),
        row(settings, "first"),
        row(settings, "last"),
        f",0 3 * * *,{end},Platform,https://example.com/",
    ]

    report = upload(api, editor, "\n".join(lines)).json

    assert [(each["row"], each["job_name"], each["error"]) for each in report["errors"]] == [
        (6, "taken", "Duplicate name"),
        (7, "no schedule", "Missing required fields"),
        (8, "bad cron", "Invalid cron expression"),
        (9, "bad date", "Invalid request"),
        (10, "over", "Invalid end_date"),
        (11, "no team", "Invalid pic_team"),
        (12, "no address", "Invalid target_url"),
        (13, "perhaps", "Invalid status"),
        (14, "no json", "Invalid request body"),
        (15, "a list", "Invalid request body"),
        (16, "nul", "Invalid request"),
        (17, "two targets", "Invalid target"),
        (18, "x" * 256, "Invalid name"),
        (19, "first", "Duplicate name"),
        (21, None, "Missing required fields"),
    ]
    assert all(each["message"].endswith(".") for each in report["errors"])
    assert [job["name"] for job in report["jobs"]] == ["first", "two\nlines", "last"]
    assert (report["created_count"], report["error_count"]) == (3, 15)
    assert names(session) == {"taken", "first", "two\nlines", "last"}


def test_a_dry_run_reports_the_same_and_creates_nothing(
    api: Api, session: Session, settings: Settings, editor: Person
) -> None:
    content = file(settings, "one", "two", "one") + "bad\n"
    before = contents(session)

    rehearsed = upload(api, editor, content, dry_run=" TRUE ").json

    assert contents(session) == before
    done = upload(api, editor, content, dry_run="off").json
    own = {"id", "created_at", "updated_at"}
    for job in rehearsed["jobs"] + done["jobs"]:
        for key in own:
            del job[key]
    assert rehearsed["message"] == "2 jobs would be created, 2 refused"
    assert done["message"] == "2 jobs created, 2 refused"
    ran = {"dry_run", "message"}
    assert {key: rehearsed[key] for key in rehearsed.keys() - ran} == {key: done[key] for key in done.keys() - ran}


def test_repositories_without_an_owner_get_the_one_of_the_upload(api: Api, settings: Settings, editor: Person) -> None:
    end = day(settings, 30)
    header = "name,cron,end_date,pic_team,repo,owner,workflow name\n"
    bare = header + f"bare,0 3 * * *,{end},platform,tools,,nightly.yml\n"
    named = f"slash,0 3 * * *,{end},platform,umbrella/tools,,nightly.yml\nown,0 3 * * *,{end},platform,tools,own,n.yaml"

    refused = upload(api, editor, bare).json
    owned = upload(api, editor, bare + named, default_github_owner=" acme ").json

    assert [each["error"] for each in refused["errors"]] == ["Missing required fields"]
    assert [job["github_owner"] for job in owned["jobs"]] == ["acme", "umbrella", "own"]
    answer = upload(api, editor, bare, default_github_owner="a/b")
    assert (answer.status, answer.json["error"]) == (400, "Invalid default_github_owner")


UNREADABLE = {
    "nothing": b"",
    "blanks": b"\n , ,\n",
    "no known header": b"colour,shape\nred,round",
    "a spreadsheet": b"PK\x03\x04\x14\x00\x06\x00",
    "Latin-1": b"name,cron\ncaf\xe9,0 3 * * *",
    "UTF-16": "name,cron".encode("utf-16"),
    "NUL": b"name,cron\nx\x00,0 3 * * *",
    "a quote that is never closed": b'name,cron\n"x,0 3 * * *\n',
    "text after a quote": b'name,cron\n"x"y,0 3 * * *\n',
    "a cell without end": b"name,cron\n" + b"x" * 200_000,
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_file_that_is_no_csv_is_refused(api: Api, session: Session, editor: Person, content: bytes) -> None:
    before = contents(session)

    answer = upload(api, editor, content)

    assert (answer.status, answer.json["error"]) == (400, "Invalid CSV")
    assert answer.json["message"].startswith("The file can't be read as CSV: ")
    assert contents(session) == before


def test_a_body_that_is_no_form_with_a_file_is_refused(api: Api, settings: Settings, editor: Person) -> None:
    content = file(settings, "one").encode()
    good = ("file", "jobs.csv", content)
    bodies = [
        (form(good), "text/csv", "Invalid form"),
        (form(good), "multipart/form-data", "Invalid form"),
        (form(good), "multipart/form-data; boundary=other", "Invalid form"),
        (form(good), f"multipart/form-data; boundary={'x' * 200}", "Invalid form"),
        (form(good)[:-20], MULTIPART, "Invalid form"),
        (b"\r\n", MULTIPART, "Invalid form"),
        (b"file=name", "application/x-www-form-urlencoded", "Invalid form"),
        (content, MULTIPART, "Invalid form"),
        (form(good, good), MULTIPART, "Invalid form"),
        (form(good, ("dry_run", None, b"\xff")), MULTIPART, "Invalid form"),
        (form(good, ("dry_run", None, b"\x00")), MULTIPART, "Invalid form"),
        (form(*((str(number), None, b"") for number in range(30))), MULTIPART, "Invalid form"),
        (form(), MULTIPART, "Missing file"),
        (form(("csv", "jobs.csv", content)), MULTIPART, "Missing file"),
        (form(("file", None, content)), MULTIPART, "Missing file"),
        (form(("file", "", b"")), MULTIPART, "Missing file"),
        (form(good, ("dry_run", None, b"maybe")), MULTIPART, "Invalid dry_run"),
    ]

    for raw, content_type, error in bodies:
        answer = send(api, editor, raw, content_type)
        assert (answer.status, answer.json["error"]) == (400, error), (raw[:200], content_type)
    assert api.get("/jobs", token=editor.token).json["count"] == 0


def test_a_file_has_its_limits(api: Api, session: Session, settings: Settings, editor: Person) -> None:
    many = file(settings, *(f"job {number}" for number in range(sheets.MOST_ROWS + 1)))
    large = file(settings, "one") + "x" * requests.LARGEST_BODY

    too_many, too_large = upload(api, editor, many), upload(api, editor, large)

    assert (too_many.status, too_many.json["error"]) == (400, "Too many rows")
    assert (too_large.status, too_large.json["error"]) == (413, "Payload too large")
    assert names(session) == set()


def test_a_file_without_rows_creates_nothing(api: Api, editor: Person) -> None:
    report = upload(api, editor, HEADER + "\n").json

    assert (report["created_count"], report["error_count"], report["jobs"]) == (0, 0, [])
    assert report["stats"]["original_column_count"] == 5


def test_admins_and_users_alone_may_upload(api: Api, settings: Settings, admin: Person, viewer: Person) -> None:
    body = form(("file", "jobs.csv", file(settings, "one").encode()))

    assert send(api, None, body).status == 401
    assert send(api, viewer, body).status == 403
    assert send(api, viewer, b"no form").status == 403
    assert send(api, admin, body).status == 200


def test_two_uploads_at_once_share_the_names_between_them(
    api: Api, session: Session, settings: Settings, editor: Person
) -> None:
    wanted_names = [f"job {number}" for number in range(20)]
    start = Barrier(2)

    def send_at_once(order: list[str]) -> list[str]:
        start.wait(timeout=30)
        return [job["name"] for job in upload(api, editor, file(settings, *order)).json["jobs"]]

    with ThreadPoolExecutor(max_workers=2) as threads:
        created = list(threads.map(send_at_once, [wanted_names, wanted_names[::-1]]))

    assert sorted(created[0] + created[1]) == sorted(wanted_names)
    assert names(session) == set(wanted_names)


def test_a_name_that_is_taken_behind_the_check_leaves_the_other_rows_alone(
    api: Api, session: Session, settings: Settings, editor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What PostgreSQL allows between check and flush: somebody else's commit.
    store(session, settings, name="taken")
    monkeypatch.setattr(jobs, "_refuse_taken", lambda *_args, **_kwargs: None)

    report = upload(api, editor, file(settings, "one", "taken", "two")).json

    assert [(each["row"], each["error"]) for each in report["errors"]] == [(3, "Duplicate name")]
    assert names(session) == {"one", "taken", "two"}
