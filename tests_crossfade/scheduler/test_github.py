"""Workflow dispatches: where they go, on which ref, with whose token, and that no token comes back."""

import json

import pytest
from pydantic import SecretStr

from cronjobs.scheduler import runner
from cronjobs.scheduler.signing import Message
from crossfade import clock

DISPATCH = "/repos/octo/cat/actions/workflows/build.yml/dispatches"
TOKEN = "ghp_installationtoken"


async def outcome_of(call, settings):
    return await runner._outcome(call, settings, Message(id="run", attempt=1, sent_at=clock.now(), secret=None))


async def test_a_dispatch_is_posted_with_the_ref_and_the_installation_s_token(target, plain, workflow):
    target.answers(DISPATCH, 204)

    outcome = await outcome_of(workflow(), plain)

    assert (outcome.ok, outcome.status, outcome.error) == (True, 204, None)
    (received,) = target.received
    assert (received.method, received.json) == ("POST", {"ref": "main"})
    assert received.headers["authorization"] == f"Bearer {TOKEN}"
    assert received.headers["accept"] == "application/vnd.github+json"


async def test_a_dispatch_that_answers_with_the_run_s_details_is_success(target, plain, workflow):
    target.answers(DISPATCH, 200, '{"workflow_run_id": 7}')

    outcome = await outcome_of(workflow(), plain)

    assert (outcome.ok, outcome.status, outcome.output) == (True, 200, '{"workflow_run_id": 7}')


@pytest.mark.parametrize("status", [201, 202, 205, 401, 403, 404, 422, 500])
async def test_every_other_answer_is_failure(status, target, plain, workflow):
    target.answers(DISPATCH, status, '{"message": "No ref found"}' if status != 205 else "")

    outcome = await outcome_of(workflow(), plain)

    assert (outcome.ok, outcome.status, outcome.error) == (False, status, f"GitHub answered {status}.")


@pytest.mark.parametrize(
    ("metadata", "ref"),
    [
        ({"branchDetails": "a", "ref": "b", "branch": "c"}, "a"),
        ({"ref": "b", "branch": "c"}, "b"),
        ({"branch": " c "}, "c"),
        ({"branchDetails": "", "ref": None, "branch": "c"}, "c"),
    ],
)
async def test_the_ref_is_the_first_that_the_metadata_name(metadata, ref, target, plain, workflow):
    target.answers(DISPATCH, 204)

    await outcome_of(workflow(metadata=metadata), plain)

    assert target.received[-1].json["ref"] == ref


@pytest.mark.parametrize("metadata", [None, {}, {"env": "prod"}, ["main"], "main", {"ref": {"no": "text"}}])
async def test_without_a_ref_it_is_the_repository_s_default_branch(metadata, target, plain, workflow):
    target.answers("/repos/octo/cat", 200, json.dumps({"default_branch": "trunk"}))
    target.answers(DISPATCH, 204)

    outcome = await outcome_of(workflow(metadata=metadata), plain)

    assert outcome.ok
    assert target.received[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert target.received[-1].json["ref"] == "trunk"


@pytest.mark.parametrize(
    ("status", "body"), [(404, "{}"), (200, "[]"), (200, "no json"), (200, '{"default_branch": 1}')]
)
async def test_without_a_default_branch_nothing_is_dispatched(status, body, target, plain, workflow):
    target.answers("/repos/octo/cat", status, body)

    outcome = await outcome_of(workflow(metadata=None), plain)

    assert (outcome.ok, outcome.status) == (False, status)
    assert "default branch" in outcome.error
    assert [each.method for each in target.received] == ["GET"]


async def test_the_other_metadata_are_the_workflow_s_inputs(target, plain, workflow):
    target.answers(DISPATCH, 204)

    await outcome_of(workflow(metadata={"ref": "main", "env": "prod", "dry": True, "n": 3, "who": ["a"]}), plain)
    await outcome_of(workflow(metadata={"ref": "main", "inputs": {"env": "prod"}, "note": "mine"}), plain)

    first, second = (each.json for each in target.received)
    assert first == {"ref": "main", "inputs": {"env": "prod", "dry": True, "n": 3, "who": '["a"]'}}
    assert second == {"ref": "main", "inputs": {"env": "prod"}}


async def test_a_name_without_an_extension_is_tried_with_both(target, plain, workflow):
    target.answers("/repos/octo/cat/actions/workflows/build.yaml/dispatches", 204)

    outcome = await outcome_of(workflow(workflow="build"), plain)

    assert outcome.ok
    assert [each.path.split("/")[6] for each in target.received] == ["build.yml", "build.yaml"]


async def test_only_an_unknown_workflow_is_tried_again(target, plain, workflow):
    target.answers(DISPATCH, 422)

    outcome = await outcome_of(workflow(workflow="build"), plain)

    assert outcome.status == 422
    assert len(target.received) == 1


async def test_names_are_parts_of_the_path_and_nothing_more(target, plain, workflow):
    await outcome_of(workflow(owner="o/../x", repo="c?at#1", workflow="a b/é.yml"), plain)

    (received,) = target.received
    assert received.path == "/repos/o%2F..%2Fx/c%3Fat%231/actions/workflows/a%20b%2F%C3%A9.yml/dispatches"


@pytest.mark.parametrize("field", ["owner", "repo", "workflow"])
@pytest.mark.parametrize("name", [None, "", " ", ".", ".."])
async def test_a_name_that_is_missing_or_leads_elsewhere_is_refused(field, name, target, plain, workflow):
    outcome = await outcome_of(workflow(**{field: name}), plain)

    assert (outcome.ok, outcome.status) == (False, None)
    assert "GitHub" in outcome.error
    assert target.received == []


async def test_the_default_owner_stands_in(target, plain, workflow):
    target.answers(DISPATCH, 204)

    outcome = await outcome_of(workflow(owner=None), plain.model_copy(update={"default_github_owner": "octo"}))

    assert outcome.ok


async def test_the_run_s_token_goes_before_the_installation_s(target, plain, workflow):
    target.answers(DISPATCH, 204)

    await outcome_of(workflow(token=SecretStr("mine")), plain)

    assert target.received[0].headers["authorization"] == "Bearer mine"


@pytest.mark.parametrize("token", [None, SecretStr("")])
async def test_without_any_token_nothing_is_sent(token, target, plain, workflow):
    outcome = await outcome_of(workflow(), plain.model_copy(update={"github_token": token}))

    assert outcome.error == "There is no GitHub token: set GITHUB_TOKEN, or give the run a github_token."
    assert target.received == []


async def test_a_dispatch_url_replaces_the_address(target, plain, workflow):
    target.answers("/elsewhere", 204)

    outcome = await outcome_of(workflow(dispatch_url=target.url("/elsewhere"), workflow=None), plain)

    assert outcome.ok
    assert [each.path for each in target.received] == ["/elsewhere"]


async def test_the_installation_s_token_goes_nowhere_but_to_the_api(other_origin, plain, workflow):
    url = other_origin.answers("/steal", 204)

    stolen = await outcome_of(workflow(dispatch_url=url), plain)
    own = await outcome_of(workflow(dispatch_url=url, token=SecretStr("mine")), plain)

    assert "goes to GITHUB_API_URL only" in stolen.error
    assert own.ok
    assert [each.headers["authorization"] for each in other_origin.received] == ["Bearer mine"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_of_a_renamed_repository_is_dispatched_there(status, target, plain, workflow):
    target.redirects(DISPATCH, "/repositories/7/dispatches", status)
    target.answers("/repositories/7/dispatches", 204)

    outcome = await outcome_of(workflow(), plain)

    assert outcome.ok
    (last,) = target.calls("/repositories/7/dispatches")
    assert (last.method, last.json, last.headers["authorization"]) == ("POST", {"ref": "main"}, f"Bearer {TOKEN}")


async def test_a_redirect_to_another_origin_does_not_take_the_token_along(target, other_origin, plain, workflow):
    target.redirects(DISPATCH, other_origin.answers("/caught", 204), 307)

    await outcome_of(workflow(), plain)

    assert "authorization" not in other_origin.received[0].headers


@pytest.mark.parametrize("own", [None, SecretStr("my-own-token-value")])
async def test_a_token_that_comes_back_is_not_kept(own, target, plain, workflow):
    async def echo(received, writer):
        body = (f"you sent {received.headers['authorization']} " * 40).encode()
        writer.write(b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    target.does(DISPATCH, echo)

    outcome = await outcome_of(workflow(token=own), plain)

    shown = repr(outcome)
    assert "***" in shown
    assert TOKEN not in shown
    assert "my-own" not in shown


async def test_a_token_that_no_header_can_hold_fails_without_being_shown(target, plain, workflow, caplog):
    outcome = await outcome_of(workflow(token=SecretStr("line\r\nbreak-secret")), plain)

    assert not outcome.ok
    assert "break-secret" not in repr(outcome) + caplog.text


def test_a_call_does_not_show_its_token_nor_its_metadata(workflow):
    shown = repr(workflow(token=SecretStr("hidden"), metadata={"password": "also hidden"}))

    assert "hidden" not in shown


@pytest.mark.parametrize("address", ["not a url", "/relative", "http://["])
async def test_a_dispatch_url_that_is_no_address_gets_no_token(address, target, plain, workflow):
    outcome = await outcome_of(workflow(dispatch_url=address), plain)

    assert "goes to GITHUB_API_URL only" in outcome.error
    assert target.received == []
