"""Values for the fields of bodies: of every type, odd ones, and such as mean something to certain names."""

from collections.abc import Mapping
from typing import Any

from cronjobs.settings import Settings
from cronjobs.testing.jobs import day

Values = Mapping[str, tuple[Any, ...]]
"""By the name of a field."""

OF_ANY_TYPE: tuple[Any, ...] = (
    *(None, 0, 1, -1, 1.5, 10**400, True, False, "", " ", "x", "1", "true", "null"),
    *([], [None], ["x"], {}, {"a": 1}),
)
ODD_TEXTS = (
    *(
        "x\x00",
        "日本",
        "é\u0301",
        "\U0001f600",
        "\u202e",
        "\u200b",
        "\ufeffx",
        "a\nb",
        "<b>",
        "'; --",
        "%s",
        "{0}",
        "\\",
    ),
    *(" Reports ", "REPORTS", "\ud800"),
)
NO_JSON = (
    *(
        b"",
        b" ",
        b"{",
        b"}",
        b"[]",
        b"[{}]",
        b"null",
        b"true",
        b"1",
        b'"x"',
        b"{}{}",
        b"{'a': 1}",
        b'{"a": 1,}',
        b"NaN",
    ),
    *(b'{"a": NaN}', b'{"a": Infinity}', b'{"a": 1e999}', b'{"a": -0}', b'{"a": 01}', b'{"metadata": {"a": 1e999}}'),
    *(b'{"a": "\\ud800"}', b'{"\\ud800": 1}', b'{"a": "\\u0000"}', b'{"a": "\n"}', b'{"a": "\xff"}', b"\xff\xfe"),
    *(b"[" * 100_000, b'{"a":' * 3000 + b"1" + b"}" * 3000, b"/* */ {}", b'{"a": ' + b"9" * 5000 + b"}"),
)
"""Bytes that are no JSON, or hardly."""


def special(settings: Settings) -> dict[str, tuple[Any, ...]]:
    """Values that mean something to fields of these names, good ones and bad ones."""
    return {
        **_of_jobs(settings),
        **_of_targets(),
        **_of_users(),
        "is_active": (True, False),
        "slug": ("general", "own", "Own Slug", "日本", "--", "a--b", "-a-", "A_B"),
        "name": ("General", "general", "Data", "Platform", "Own", "Paused", "prod canary", "日本", "--", "!"),
        "slack_handle": ("@x", " @x ", "x", "<@U1>"),
        "channel": ("#ops", " #ops ", "ops"),
        "is_enabled": (False,),
        "webhook_url": (
            "https://hooks.slack.com/services/T/B/new",
            "https://hooks.slack.com/***",
            "http://hooks.slack.com/x",
            "https://a:b@hooks.slack.com/x",
            "https://",
            "https://hooks.slack.com:443/x",
            "https://例え.jp/x",
        ),
    }


def _of_jobs(settings: Settings) -> dict[str, tuple[Any, ...]]:
    today, over, ahead = (day(settings, days).isoformat() for days in (0, -1, 400))
    return {
        "cron_expression": CRON,
        "expression": CRON,
        "cron_dialect": ("standard", "apscheduler", "Standard", "quartz"),
        "count": (0, 1, 20, 21, -5, 2.5, "3", "junk", 10**30, 1e300, [3], True),
        "end_date": (
            *(today, over, ahead, "9999-12-31", "2027-02-29", "2028-02-29", "2027-13-01", "20270101", "2027-1-1"),
            *("2027-01-01T00:00:00", " 2027-01-01 ", "tomorrow", "\u0662\u0660\u0662\u0667-01-01", "0001-01-01"),
            "2027-W01-1",
        ),
        "pic_team": ("platform", " Platform ", "PLATFORM", "data", "retired", "nobody"),
        "pic_team_slug": ("platform", "retired", "nobody"),
        "category": ("reports", "General", "general", "old", "Ålt", "nothing", "Prod/Canary"),
        "metadata": (
            *({"branchDetails": "x"}, {"a": [None, 1.5, "é"]}, {"a": 10**400}, {"\x00": 1}, {"": ""}),
            {"a": {"b": {}}},
        ),
        "notification_emails": (
            *(["a@b.test"], ["a@b.test", "A@B.TEST"], ["junk"], [""], ["a@b.test, c@d.test"], [1], "a@b.test"),
        ),
        "timeout_seconds": (0.99, 1, 1.0, 30, 30.01, 31, "10", 1e400, 3600, 3601),
        "timezone": (
            *("Europe/Berlin", " Asia/Tokyo ", "UTC", "asia/tokyo", "Mars/Olympus", "../UTC", "posix/UTC", "GMT+1"),
            "Pacific/Kiritimati",
        ),
        "start_date": (today, over, ahead, "0001-01-01", "9999-12-31", "2027-02-29", " ", "tomorrow"),
        "misfire_policy": ("run_once", "run_all", "skip", "SKIP", "queue"),
        "misfire_grace_seconds": (9, 10, 2_592_000, 2_592_001, 60.0, "60"),
        "overlap_policy": ("skip", "queue", "allow", "fail"),
        "on_crash": ("fail", "retry", "skip"),
        "max_retries": (10, 11, 2.0, "2"),
        "retry_delay_seconds": (3600, 3601, 60.0),
    }


def _of_targets() -> dict[str, tuple[Any, ...]]:
    names = ("acme", "a/b", "../x", "a b", "a%2Fb", "a\nb", "日本", "a.b", "a_b-c", "-")
    return {
        "target_url": (
            *("http://x", "HTTPS://EXAMPLE.COM/A", "ftp://x", "//x", "https://", "https://a:b@example.com/"),
            *("http://127.0.0.1/", "http://[::1]/", "http://[::1", "http://ex ample.com/", "javascript:alert(1)"),
            *("http://例え.jp/", "http://x:99999/", "http://x:y/", "\thttp://x\n", "https://example.com/%zz#a?b"),
        ),
        "github_owner": names,
        "github_repo": (*names, "acme/tools", "acme/tools/x", ".", "..", "a..b"),
        "github_workflow_name": (
            *("ci.yml", "CI.YAML", "ci", "ci.txt", "../ci.yml", "a/b.yml", "a\\b.yml", "ci.yml\n", ".yml"),
        ),
        "github_token": ("x", " ", "x\n"),
    }


def _of_users() -> dict[str, tuple[Any, ...]]:
    return {
        "username": (
            *("ab", "Editor", "EDITOR", "ünï", "a b", "a@b", "-._", "\u0663\u0663\u0663", "a\u0301bc", "\ufb01sh"),
            "new\u200bname",
        ),
        "email": (
            *("editor@cronjobs.test", "EDITOR@CronJobs.test", "Other@cronjobs.test", " new@x.test ", "a@b", "a@"),
            *("@b.c", "a b@c.d", "ü@ü.test", "new@xn--p1ai.test", "a@[127.0.0.1]", '"a b"@c.test', "a@b.test\n"),
            "a..b@c.test",
        ),
        "password": ("12345", "123456", "      ", "パスワード六字", "correct horse", "wrong", "\ud800"),
        "role": ("admin", "user", "viewer", "Admin", "root"),
        "jobs_table_columns": (
            *({"pic_team": False}, {"pic_team": 1}, {"unknown": "x"}, {"pic_team": None}),
            {"target_url": True, "x": []},
        ),
    }


CRON = (
    *(
        "* * * * *",
        "*/7 2-4 1,15 * 1-5",
        "0 9 * * 0",
        "0 9 * * 7",
        "0 9 * * SUN",
        "0 9 1 * 1",
        "0 0 31 2 *",
        "0 0 29 2 *",
    ),
    *("60 * * * *", "* 24 * * *", "0 9 * * 8", "0 0 0 * *", "* * * *", "* * * * * *", "@daily", "*/0 * * * *"),
    *("5-1 * * * *", "0 9 * * mon-fri", "0 9 ? * *", "0 9 L * *", "0 9 * * 1#2", "junk", "0  9 * * *", " 0 9 * * * "),
    *("\u0660 9 * * *", "1,, * * * *"),
)
