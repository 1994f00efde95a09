"""Webhook calls say which run they belong to, and are signed where the installation has a secret."""

import base64
import logging
import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from cronjobs.scheduler import runner
from cronjobs.scheduler.signing import signature
from cronjobs.services.calls import Call, Claim
from cronjobs.settings import Settings
from crossfade.errors import SettingsError
from crossfade.project import Project

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def signing(plain):
    return plain.model_copy(update={"webhook_secret": SecretStr(SECRET)})


@pytest.fixture
def is_ours():
    """The function that docs/operators.md gives to those who write targets."""
    page = (Project.find().root / "docs" / "operators.md").read_text()
    (snippet,) = [each for each in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def is_ours" in each]
    names = {}
    exec(snippet, names)
    return names["is_ours"]


def claim_of(url, *, attempt=1, **fields):
    call = Call(kind="webhook", url=url, **fields)
    return Claim(
        execution_id="run-1",
        job_id="j1",
        job_name="nightly",
        owner="me",
        attempt=attempt,
        scheduled_for=None,
        call=call,
    )


@pytest.mark.parametrize("metadata", [{"name": "Zoë", "items": [1, 2.5, None]}, None])
@pytest.mark.parametrize("secret", [SECRET, "a text of a good length, with a ü"])
async def test_the_snippet_of_the_docs_knows_our_calls_from_others(target, plain, is_ours, metadata, secret):
    settings = plain.model_copy(update={"webhook_secret": SecretStr(secret)})

    await runner.perform(claim_of(target.answers("/hook"), metadata=metadata), settings)

    (received,) = target.received
    assert is_ours(received.headers, received.body, secret)
    assert not is_ours(received.headers, received.body + b" ", secret)
    assert not is_ours(received.headers, received.body, "whsec_" + base64.b64encode(b"another").decode())
    assert not is_ours(received.headers | {"webhook-id": "run-2"}, received.body, secret)
    assert not is_ours(received.headers, received.body, secret, tolerance=-1)


def test_an_example_of_the_standard_is_signed_alike():
    content = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'

    assert signature(SecretStr(SECRET), content) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_every_attempt_of_a_run_has_the_same_id(target, plain):
    url = target.answers("/hook")

    for attempt in (1, 2):
        await runner.perform(claim_of(url, attempt=attempt), plain)

    headers = [each.headers for each in target.received]
    assert [(each["webhook-id"], each["webhook-attempt"]) for each in headers] == [("run-1", "1"), ("run-1", "2")]
    assert all(each["webhook-timestamp"].isdigit() for each in headers)
    assert all("webhook-signature" not in each for each in headers)


async def test_a_redirect_within_the_host_is_signed_for_what_it_is_sent(target, signing, is_ours):
    target.answers("/new")

    await runner.perform(claim_of(target.redirects("/old", "/new"), metadata={"a": 1}), signing)

    posted, fetched = target.received
    assert is_ours(posted.headers, posted.body, SECRET)
    assert (fetched.method, fetched.body) == ("GET", b"")
    assert is_ours(fetched.headers, fetched.body, SECRET)


async def test_another_host_gets_the_id_and_no_signature_not_even_when_it_leads_back(target, other_origin, signing):
    target.answers("/end")
    there = other_origin.redirects("/there", target.url("/end"), 307)

    await runner.perform(claim_of(target.redirects("/hook", there, 307)), signing)

    (elsewhere,) = other_origin.received
    assert elsewhere.headers["webhook-id"] == "run-1"
    assert "webhook-signature" not in elsewhere.headers
    assert "webhook-signature" not in target.calls("/end")[0].headers


async def test_github_is_told_nothing_of_it(target, signing, workflow):
    target.answers("/repos/octo/cat/actions/workflows/build.yml/dispatches", 204)
    claim = claim_of(None)

    await runner.perform(Claim(**{**vars(claim), "call": workflow()}), signing)

    assert target.received
    assert not [name for each in target.received for name in each.headers if name.startswith("webhook-")]


async def test_a_trial_is_signed_too_under_an_id_of_its_own(target, signing, is_ours):
    call = Call(kind="webhook", url=target.answers("/hook"))

    for _ in range(2):
        assert (await runner.test_run(call, signing, timeout_seconds=5)).ok

    first, second = target.received
    assert is_ours(first.headers, first.body, SECRET)
    assert first.headers["webhook-id"] != second.headers["webhook-id"]


async def test_the_secret_is_shown_nowhere(target, signing, caplog):
    caplog.set_level(logging.DEBUG)

    await runner.perform(claim_of(target.answers("/hook")), signing)

    assert SECRET not in caplog.text + repr(signing)


@pytest.mark.parametrize("value", ["whsec_", "whsec_not base64!"])
def test_a_secret_that_can_not_be_used_is_refused_by_name(value, tmp_path):
    with pytest.raises(SettingsError, match=r"WEBHOOK_SECRET.*whsec_") as caught:
        Settings.load(root=tmp_path, environ={"WEBHOOK_SECRET": value})

    assert "not base64!" not in str(caught.value)


def test_production_refuses_a_short_secret(tmp_path: Path):
    secrets = {"APP_ENV": "production", "SECRET_KEY": "s" * 40, "JWT_SECRET_KEY": "j" * 40}

    with pytest.raises(SettingsError, match="WEBHOOK_SECRET is shorter than 24 bytes"):
        Settings.load(root=tmp_path, environ=secrets | {"WEBHOOK_SECRET": "short"})

    assert Settings.load(root=tmp_path, environ=secrets | {"WEBHOOK_SECRET": SECRET}).webhook_secret is not None
