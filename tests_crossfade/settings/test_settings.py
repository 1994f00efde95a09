"""What the environment says."""

import os
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BeforeValidator, SecretStr, ValidationError, model_validator

from crossfade.errors import SettingsError
from crossfade.settings import Flag, Settings


class Application(Settings):
    """As an application adds its own."""

    secret_key: SecretStr | None = None
    enabled: Flag = True
    names: Annotated[tuple[str, ...], BeforeValidator(lambda text: tuple(str(text).split(",")))] = ()

    @model_validator(mode="after")
    def _secret_is_long(self):
        if self.secret_key and len(self.secret_key.get_secret_value()) < 4:
            raise ValueError("SECRET_KEY is too short")
        return self


def load(root, dotenv="", *, kind=Settings, **environ):
    if dotenv:
        (root / ".env").write_text(dotenv)
    return kind.load(root=root, environ=environ)


@pytest.mark.parametrize("text", ["1", "true", "TRUE", "Yes", " on ", "oN"])
def test_a_yes_is_written_in_many_ways(tmp_path, text):
    assert load(tmp_path, TESTING=text).testing is True


@pytest.mark.parametrize("text", ["0", "false", "No", " OFF "])
def test_so_is_a_no(tmp_path, text):
    assert load(tmp_path, TESTING=text).testing is False


@pytest.mark.parametrize("text", ["2", "maybe", "truee", "y", "t", "enabled"])
def test_anything_else_is_an_error_that_names_the_variable_the_value_and_the_place(tmp_path, text):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, TESTING=text)

    assert f"TESTING={text!r} (environment)" in str(caught.value)


def test_the_place_of_a_bad_value_may_be_the_file(tmp_path):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, "TESTING=perhaps\n")

    assert f"TESTING='perhaps' ({tmp_path}/.env)" in str(caught.value)


def test_every_bad_variable_has_a_line(tmp_path):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, TESTING="x", DB_PORT="http", APP_ENV="staging", DATABASE_STATEMENT_TIMEOUT="-1")

    assert len(str(caught.value).splitlines()) == 4


def test_the_environment_goes_before_the_file(tmp_path):
    settings = load(tmp_path, "DB_NAME=file\nDB_USER=file\n", DB_NAME="environment")

    assert (settings.db_name, settings.db_user) == ("environment", "file")
    assert settings.source_of("db_name") == "DB_NAME (environment)"
    assert settings.source_of("db_user") == f"DB_USER ({tmp_path}/.env)"
    assert settings.source_of("db_host") == "DB_HOST (default)"


def test_an_empty_value_is_the_same_as_none(tmp_path):
    settings = load(tmp_path, "DB_NAME=file\nDB_PORT=\n", DB_NAME="  ", DB_USER="")

    assert (settings.db_name, settings.db_user, settings.db_port) == ("file", None, None)


def test_blanks_around_a_value_do_not_count(tmp_path):
    assert load(tmp_path, DATABASE_URL=" sqlite:///x.db\n").database_url == "sqlite:///x.db"


def test_the_process_environment_is_the_default(tmp_path, monkeypatch):
    monkeypatch.setitem(os.environ, "DB_NAME", "from the process")

    assert Settings.load(root=tmp_path).db_name == "from the process"


def test_settings_made_in_code_read_nothing(tmp_path, monkeypatch):
    monkeypatch.setitem(os.environ, "DB_NAME", "from the process")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("DB_USER=file\n")

    settings = Settings(root=tmp_path)

    assert (settings.db_name, settings.db_user) == (None, None)


def test_quotes_comments_exports_and_references_of_a_file_are_understood(tmp_path):
    text = "# a comment\nexport DB_USER='a b'\nDB_NAME=\"${DB_USER}-${OUTSIDE}\"  # another\n"

    settings = load(tmp_path, text, OUTSIDE="o")

    assert (settings.db_user, settings.db_name) == ("a b", "a b-o")


def test_a_byte_order_mark_does_not_hide_the_first_variable(tmp_path):
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfDB_NAME=x\n")

    assert load(tmp_path).db_name == "x"


@pytest.mark.parametrize("content", [b"DB_NAME=x\n= broken 'line\n", b"\xff\xfe\x00bad"])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path, content):
    (tmp_path / ".env").write_bytes(content)

    with pytest.raises(SettingsError, match=r"\.env"):
        load(tmp_path)


def test_a_folder_in_the_place_of_the_file_is_an_error(tmp_path):
    (tmp_path / ".env").mkdir()

    with pytest.raises(SettingsError, match=r"\.env can't be read"):
        load(tmp_path)


def test_variables_of_others_are_passed_by(tmp_path):
    assert load(tmp_path, "SOMETHING_ELSE=1\n", PATH="/bin").database_url is None


def test_an_application_adds_fields_under_the_same_rules(tmp_path):
    settings = load(tmp_path, "ENABLED=off\n", kind=Application, SECRET_KEY="geheim", NAMES="a,b")

    assert isinstance(settings, Application)
    assert (settings.enabled, settings.names) == (False, ("a", "b"))
    assert settings.source_of("secret_key") == "SECRET_KEY (environment)"


def test_a_rule_about_several_fields_is_a_line_too(tmp_path):
    with pytest.raises(SettingsError, match="SECRET_KEY is too short") as caught:
        load(tmp_path, kind=Application, SECRET_KEY="xyz")

    assert "xyz" not in str(caught.value)


def test_secrets_are_not_printed(tmp_path):
    settings = load(tmp_path, kind=Application, SECRET_KEY="geheim", DATABASE_URL="postgresql://u:geheim@h/x")

    assert "geheim" not in repr(settings)
    assert "geheim" not in str(settings)


def test_settings_do_not_change(tmp_path):
    settings = load(tmp_path)

    with pytest.raises(ValidationError):
        settings.testing = True


def test_a_replaced_value_is_validated_and_says_where_it_comes_from(tmp_path):
    settings = load(tmp_path, DB_NAME="x").replaced(source="--url", database_url="sqlite:///y.db")

    assert settings.source_of("database_url") == "--url"
    assert settings.source_of("db_name") == "DB_NAME (environment)"
    assert settings.root == Path(tmp_path)
    with pytest.raises(SettingsError, match="TESTING='x' \\(--flag\\)"):
        settings.replaced(source="--flag", testing="x")


def test_a_value_given_in_code_says_so(tmp_path):
    assert Settings(root=tmp_path, db_name="x").source_of("db_name") == "DB_NAME (code)"
