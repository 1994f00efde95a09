"""What is taken out of text."""

import pytest
from sqlalchemy import URL

from crossfade.redaction import mask, mask_url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:geheim@h/x", "postgresql://u:***@h/x"),
        ("postgresql://u:ge@heim@h/x", "postgresql://u:***@h/x"),
        ("at postgres+asyncpg://u:ge/heim@h/x, see", "at postgres+asyncpg://u:***@h/x, see"),
        ("postgresql://u:ge heim@h:port/x, see", "postgresql://u:***@h:port/x, see"),
        ("postgresql://u:g h@im @h:port/x", "postgresql://u:***@h:port/x"),
        ("https://geheim@github.com/x", "https://***@github.com/x"),
        ("Authorization: Bearer geheim12345", "Authorization: Bearer ***"),
        ("Authorization: token geheim", "Authorization: token ***"),
        ("ghp_0123456789abcdef", "***"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "***"),
        ("jwt eyJhbGciOi.eyJzdWIi.c2ln", "jwt ***"),
        ("host=h password=geheim user=u", "host=h password=*** user=u"),
        ("password='ge heim' x", "password=*** x"),
        ('{"client_secret": "geheim", "a": 1}', '{"client_secret": "***", "a": 1}'),
    ],
)
def test_secrets_are_hidden(text, shown):
    assert mask(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "SECRET_KEY: too short",
        "http://h:8000/x of bob@h",
        "postgresql://h:5432: told bob@h",
        "http://[::1]:80 and a@b",
        "postgresql://u@h/x",
        "http://127.0.0.1:8000/api",
        "basic rules",
        "sqlite:////a/b.db",
    ],
)
def test_what_is_no_secret_is_left_alone(text):
    assert mask(text) == text


def test_a_url_object_is_shown_without_its_password():
    assert mask_url(URL.create("postgresql", "u", "geheim", "h", 5432, "x")) == "postgresql://u:***@h:5432/x"


def test_a_path_is_shown_as_it_is():
    assert mask_url(URL.create("sqlite", database="/a b/c?d#.db")) == "sqlite:////a b/c?d#.db"
    url = URL.create("postgresql", "u", database="x", query={"host": "/var/run"})
    assert mask_url(url) == "postgresql://u@/x?host=/var/run"


def test_a_password_in_the_query_is_hidden_too():
    assert "geheim" not in mask_url("postgresql://h/x?sslpassword=geheim")


def test_a_password_with_a_blank_is_hidden_in_a_url_that_cannot_be_read():
    assert mask_url("postgresql://u:ge heim@h:port/x") == "postgresql://u:***@h:port/x"


@pytest.mark.parametrize("text", ["postgresql//u:geheim@h/x", "u:ge heim@h/x", "postgresql:/u:ge@heim@h/x"])
def test_what_lacks_its_scheme_is_shown_from_its_host_on(text):
    assert mask_url(text) == "***@h/x"


def test_text_that_is_no_url_is_masked_as_text():
    assert mask_url("u:p password=geheim") == "u:p password=***"


@pytest.mark.parametrize("letter", ["x", "a.", "a-", "a_", "://", "=", "'", "eyJ", "password"])
def test_a_line_of_any_length_is_masked_without_a_long_thought(letter):
    line = letter * (300_000 // len(letter))

    assert mask(f"{line} postgresql://owner:hunter2@till/books").endswith("postgresql://owner:***@till/books")


def test_a_url_is_masked_wherever_in_a_word_it_begins():
    assert mask("1postgresql://owner:hunter2@till") == "1postgresql://owner:***@till"
    assert mask("_x.password=hunter2") == "_x.password=***"
