"""Executing a claim, and trying a target."""

import asyncio
import logging
import os
import socket
import threading

import pytest
from pydantic import SecretStr

from cronjobs.models import Job
from cronjobs.scheduler import outgoing, runner
from cronjobs.services import calls
from cronjobs.services.calls import Call, Claim, Overrides


def claim_of(call):
    return Claim(
        execution_id="e1", job_id="j1", job_name="nightly", owner="me", attempt=1, scheduled_for=None, call=call
    )


def job(**fields):
    return Job(id="j1", name="nightly", cron_expression="* * * * *", **fields)


async def test_a_claim_is_performed_and_its_run_is_named_in_the_log(target, plain, caplog):
    caplog.set_level(logging.INFO)

    outcome = await runner.perform(claim_of(Call(kind="webhook", url=target.answers("/hook"))), plain)

    assert outcome.ok
    assert "Job j1 (nightly), run e1, attempt 1: success" in caplog.text


async def test_a_library_that_fails_in_an_unforeseen_way_fails_the_run_alone(plain, monkeypatch, caplog):
    async def broken(*_):
        raise ZeroDivisionError("with a secret in it")

    monkeypatch.setattr(outgoing.Caller, "send", broken)

    outcome = await runner.perform(claim_of(Call(kind="webhook", url="http://127.0.0.1/")), plain)

    assert outcome.error == "The call failed unexpectedly (ZeroDivisionError)."
    assert "secret" not in caplog.text


def test_code_without_a_loop_can_perform_a_claim(target, plain):
    assert runner.perform_blocking(claim_of(Call(kind="webhook", url=target.answers("/hook"))), plain).ok


async def test_blocking_code_inside_of_a_loop_can_perform_a_claim(target, plain):
    assert runner.perform_blocking(claim_of(Call(kind="webhook", url=target.answers("/hook"))), plain).ok


def test_a_blocking_run_leaves_no_thread_behind(target, plain):
    before = threading.active_count()

    runner.perform_blocking(claim_of(Call(kind="webhook", url=target.answers("/hook"))), plain)

    assert threading.active_count() == before


async def test_a_trial_of_a_webhook_says_how_it_went(target, plain):
    good = await runner.test_run(Call(kind="webhook", url=target.answers("/good", 201)), plain, timeout_seconds=5)
    bad = await runner.test_run(Call(kind="webhook", url=target.answers("/bad", 500)), plain, timeout_seconds=5)
    gone = await runner.test_run(Call(kind="webhook", url="http://127.0.0.1:1/"), plain, timeout_seconds=5)

    assert (good.ok, good.type, good.status_code, good.error) == (True, "webhook", 201, None)
    assert good.message == "The target answered 201."
    assert (bad.ok, bad.status_code, bad.error, bad.message) == (False, 500, *["The target answered 500."] * 2)
    assert (gone.ok, gone.status_code) == (False, None)


async def test_a_trial_of_a_workflow_says_github(target, plain, workflow):
    target.answers("/repos/octo/cat/actions/workflows/build.yml/dispatches", 204)

    trial = await runner.test_run(workflow(), plain, timeout_seconds=5)

    assert (trial.ok, trial.type, trial.status_code) == (True, "github", 204)


def test_blocking_code_can_try_a_target(target, plain):
    call = Call(kind="webhook", url=target.answers("/hook"))

    assert runner.test_run_blocking(call, plain, timeout_seconds=5).ok


@pytest.mark.parametrize(("asked", "kept"), [(0, 1.0), (-5, 1.0), (12, 12.0), (3600, 30.0)])
async def test_a_trial_s_timeout_is_kept_within_bounds(asked, kept, plain, monkeypatch):
    deadlines = []
    calling = outgoing.calling

    def noted(*, deadline, **options):
        deadlines.append(deadline)
        return calling(deadline=deadline, **options)

    monkeypatch.setattr(outgoing, "calling", noted)

    await runner.test_run(Call(kind="webhook", url="http://127.0.0.1:1/"), plain, timeout_seconds=asked)

    assert deadlines == [kept]


async def test_many_slow_runs_go_side_by_side(target, plain):
    waiting = []

    async def wait_for_the_others(received, writer):
        waiting.append(received)
        for _ in range(500):
            if len(waiting) == 30:
                break
            await asyncio.sleep(0.01)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    call = Call(kind="webhook", url=target.does("/hook", wait_for_the_others))

    outcomes = await asyncio.gather(*(runner.perform(claim_of(call), plain) for _ in range(30)))

    assert all(outcome.ok for outcome in outcomes)


def test_a_job_with_an_address_makes_a_webhook_call():
    call = calls.of(job(target_url=" https://example.com/hook ", job_metadata='{"a": 1}'))

    assert (call.kind, call.url, call.metadata) == ("webhook", "https://example.com/hook", {"a": 1})
    assert call.target == "https://example.com/hook"
    assert call.deadline == 10.0


def test_a_job_with_a_repository_makes_a_workflow_call():
    call = calls.of(job(github_owner="octo", github_repo="cat", github_workflow_name="build.yml"))

    assert (call.kind, call.owner, call.repo, call.workflow) == ("github_actions", "octo", "cat", "build.yml")
    assert call.target == "octo/cat/build.yml"


@pytest.mark.parametrize(
    ("stored", "read"), [('["a"]', ["a"]), ('"text"', "text"), ("not json {", "not json {"), ("", {})]
)
def test_legacy_metadata_of_any_shape_are_sent_as_they_are(stored, read):
    assert calls.of(job(target_url="https://example.com", job_metadata=stored)).metadata == read


def test_overrides_count_for_this_run_only():
    webhook = job(target_url="https://example.com", job_metadata='{"a": 1}')
    hub = job(github_owner="octo", github_repo="cat", github_workflow_name="build.yml")

    call = calls.of(webhook, Overrides(target_url="https://example.org", metadata={}))
    other = calls.of(hub, Overrides(github_repo="dog", dispatch_url="https://x.example", github_token=SecretStr("t")))

    assert (call.url, call.metadata) == ("https://example.org", {})
    assert (other.owner, other.repo, other.dispatch_url, other.target) == (
        "octo",
        "dog",
        "https://x.example",
        "octo/dog/build.yml",
    )
    assert webhook.target_url == "https://example.com"


async def test_a_legacy_job_without_a_target_fails_and_says_so(plain):
    outcome = await runner.perform(claim_of(calls.of(job(target_url=" "))), plain)

    assert outcome.error == "The job has no target: neither an address nor a GitHub workflow."


def test_a_target_fits_its_column():
    assert len(calls.of(job(target_url="https://example.com/" + "x" * 600)).target) == 500
    assert (
        len(calls.of(job(github_owner="o" * 255, github_repo="r" * 255, github_workflow_name="w" * 255)).target) == 500
    )


def test_a_web_process_signs_with_its_stack_host_and_process():
    stack, host, process = calls.here("flask").split(":")

    assert (stack, host, int(process)) == ("flask", socket.gethostname(), os.getpid())
