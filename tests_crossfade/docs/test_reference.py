"""The generated pages say what the code says."""

import subprocess
import sys
from pathlib import Path

import pytest

from cronjobs.fastapi_app import routers
from cronjobs.reference import pages, variables
from cronjobs.settings import Settings

ROOT = Path(__file__).resolve().parents[2]

# What the contract names.
PROMISED = """
    APP_ENV SECRET_KEY JWT_SECRET_KEY DATABASE_URL FASTAPI_DATABASE_URL TESTING SCHEDULER_ENABLED SCHEDULER_TIMEZONE
    SCHEDULER_POLL_SECONDS CRON_DIALECT GITHUB_TOKEN GITHUB_API_URL DEFAULT_GITHUB_OWNER WEBHOOK_ALLOW_PRIVATE
    CORS_ORIGINS FRONTEND_BASE_URL MAIL_SERVER MAIL_PORT MAIL_USE_TLS MAIL_USERNAME MAIL_PASSWORD MAIL_DEFAULT_SENDER
    DB_ENGINE DB_NAME DB_USER DB_PASSWORD DB_HOST DB_PORT JWT_ACCESS_TOKEN_EXPIRES JWT_REFRESH_TOKEN_EXPIRES
"""


@pytest.mark.parametrize("path", pages.GENERATED)
def test_a_generated_page_is_not_stale(path: str) -> None:
    assert path not in pages.stale(ROOT), f"{path} does not say what the code says: run `make docs`"


def test_every_variable_has_a_line_that_says_what_it_does() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    texts = variables.docstrings(Settings)

    for variable in [*PROMISED.split(), *(name.upper() for name in Settings.model_fields if name != "root")]:
        lines = [line for line in page.splitlines() if line.startswith(f"| `{variable}` |")]
        assert len(lines) == 1, variable
        assert texts[variable.lower()].split("\n")[0] in lines[0]


def test_a_secret_is_marked_and_its_default_is_not_shown() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()

    secrets = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert "secret_key" in secrets
    for name in secrets:
        assert any(f"| `{name.upper()}` |" in line and "| yes |" in line for line in page.splitlines())
    assert "development-only" not in page


def test_every_endpoint_has_a_heading() -> None:
    page = (ROOT / "docs" / "api.md").read_text()

    routes = [route for router in routers.every() for route in router.routes]
    assert len(routes) > 30
    assert [route.path for route in routes if f" {route.path}\n" not in page] == []


def test_every_link_within_the_endpoints_leads_somewhere() -> None:
    page = (ROOT / "docs" / "api.md").read_text()

    anchors = {line.removeprefix("### ").lower() for line in page.splitlines() if line.startswith("### ")}
    links = {part.partition(")")[0] for part in page.split("](#")[1:]}
    assert links
    assert links <= anchors


def test_what_is_written_is_not_stale(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "api.md").write_text("old")

    assert pages.stale(tmp_path) == list(pages.GENERATED)
    assert pages.write(tmp_path) == list(pages.GENERATED)
    assert pages.write(tmp_path) == []


def test_the_script_writes_from_any_directory(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "write_reference.py")]

    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    assert result.stdout
    assert list(tmp_path.iterdir()) == []
