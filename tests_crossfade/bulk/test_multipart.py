"""The parser of multipart forms: what a browser sends is read back to the byte, anything else is refused by name."""

from hypothesis import given
from hypothesis import strategies as st

from cronjobs.services.errors import InvalidError
from cronjobs.testing.uploads import BOUNDARY, MULTIPART, form
from cronjobs.web import multipart

NAMES = st.lists(st.sampled_from(["file", "dry_run", "default_github_owner", "a b", "ä"]), unique=True, max_size=4)
CONTENT = st.binary(max_size=40).filter(lambda content: BOUNDARY.encode() not in content)
PIECES = st.sampled_from(
    [
        f"--{BOUNDARY}".encode(),
        f"\r\n--{BOUNDARY}\r\n".encode(),
        f"\r\n--{BOUNDARY}--".encode(),
        b"\r\n",
        b"\n",
        b"--",
        b'Content-Disposition: form-data; name="file"; filename="x"\r\n',
        b'content-disposition: form-data; name="dry_run"\r\n',
        b"Content-Disposition: form-data\r\n",
        b'Content-Disposition: form-data; name="\xff"\r\n',
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n",
        b"Content-Transfer-Encoding: other\r\n",
        b"Content-Type: text/csv; charset=utf-8\r\n",
        b": nothing\r\n",
        b"name,cron\r\n",
        b"eA",
        b"=\r\n=G",
        b"\x00\xff",
    ]
)


@given(names=NAMES, content=st.lists(CONTENT, min_size=4, max_size=4))
def test_files_are_read_back_to_the_byte(names: list[str], content: list[bytes]) -> None:
    sent = dict(zip(names, content, strict=False))

    found = multipart.parse(MULTIPART, form(*((name, "jobs.csv", value) for name, value in sent.items())))

    assert found == multipart.Form({}, sent)


@given(pieces=st.lists(PIECES, max_size=12), content_type=st.sampled_from([MULTIPART, MULTIPART.upper()]))
def test_any_body_is_read_or_refused(pieces: list[bytes], content_type: str) -> None:
    try:
        multipart.parse(content_type, b"".join(pieces))
    except InvalidError as error:
        assert error.error == "Invalid form"  # noqa: PT017 - either way is right


@given(content_type=st.text(st.characters(max_codepoint=255), max_size=40))
def test_any_content_type_is_read_or_refused(content_type: str) -> None:
    for kind in (content_type, f"multipart/form-data; {content_type}", f"multipart/form-data; boundary={content_type}"):
        try:
            multipart.parse(kind, form(("file", "x", b"y")))
        except InvalidError as error:
            assert error.error == "Invalid form"  # noqa: PT017 - either way is right
