"""Bodies that come in chunks, of which nobody says how large they are: the limit holds, to the byte."""

import io

import pytest

from cronjobs.flask_app import create_app
from cronjobs.testing.worlds import PASSWORD, Person
from cronjobs.web import requests
from crossfade.router import Router

START = b'{"username": "editor", "password": "%b"' % PASSWORD.encode()


@pytest.mark.parametrize(("longer", "status"), [(-1, 200), (0, 200), (1, 413), (100_000, 413)])
def test_a_body_without_a_length_is_bounded(router: Router, editor: Person, longer: int, status: int) -> None:
    body = START + b" " * (requests.LARGEST_BODY + longer - len(START) - 1) + b"}"
    # As gunicorn hands over `Transfer-Encoding: chunked`.
    environ = {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}

    answer = create_app(router=router).test_client().post("/api/auth/login", environ_overrides=environ)

    assert answer.status_code == status, answer.text
