"""Runs a GitHub workflow: a workflow dispatch at GitHub's API, on the ref that the metadata name.

The token is the run's own, else the installation's. The latter goes to GITHUB_API_URL alone, wherever a run points its
dispatch: it is not the run's to give away. Taking tokens out of what comes back is left to `runner`.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import yarl

from cronjobs.scheduler.outgoing import Caller, OutgoingError, Reply, Request
from cronjobs.services.calls import Call
from cronjobs.settings import Settings

_REF_KEYS = ("branchDetails", "ref", "branch")
_NOT_FOUND = 404
_OK = 200
# GitHub answers for a renamed repository with a redirect, and asks to repeat the request there.
_KEEPING_METHOD = frozenset({301, 302, 307, 308})


async def send(call: Call, caller: Caller, settings: Settings) -> Reply:
    """GitHub's answer, whatever its status. Raises OutgoingError."""
    addresses = _addresses(call, settings)
    body: dict[str, Any] = {"ref": await _ref(call, caller, settings)}
    if inputs := _inputs(call.metadata):
        body["inputs"] = inputs
    return await _dispatch(addresses, body, call, caller, settings)


async def _dispatch(addresses: list[str], body: Any, call: Call, caller: Caller, settings: Settings) -> Reply:
    """The answer of the first address that knows the workflow."""
    for address in addresses[:-1]:
        reply = await caller.send(_request("POST", address, call, settings, body))
        if reply.status != _NOT_FOUND:
            return reply
    return await caller.send(_request("POST", addresses[-1], call, settings, body))


def _request(method: str, address: str, call: Call, settings: Settings, body: Any = None) -> Request:
    """A request with the token. Raises OutgoingError if there is none for this address."""
    token = call.token or settings.github_token
    if token is None or not token.get_secret_value():
        raise OutgoingError("There is no GitHub token: set GITHUB_TOKEN, or give the run a github_token.")
    if call.token is None and not _same_origin(address, settings.github_api_url):
        raise OutgoingError(
            "The installation's GitHub token goes to GITHUB_API_URL only: give the run a github_token of its own."
        )
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token.get_secret_value()}",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    return Request(method=method, url=address, json=body, headers=headers, keeps_method_on=_KEEPING_METHOD)


async def _ref(call: Call, caller: Caller, settings: Settings) -> str:
    """The branch or tag that the metadata name, else the repository's default branch."""
    if isinstance(call.metadata, Mapping):
        for key in _REF_KEYS:
            named = call.metadata.get(key)
            if isinstance(named, str) and named.strip():
                return named.strip()
    reply = await caller.send(_request("GET", _repository(call, settings), call, settings))
    if reply.status != _OK:
        raise OutgoingError(
            f"GitHub answered {reply.status} to the question for the repository's default branch.", status=reply.status
        )
    try:
        found = json.loads(reply.text)["default_branch"]
    except (ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, str) or not found:
        raise OutgoingError("GitHub's answer does not name the repository's default branch.", status=_OK)
    return found


def _addresses(call: Call, settings: Settings) -> list[str]:
    """Where to post the dispatch, in the order of trial."""
    if call.dispatch_url:
        return [call.dispatch_url]
    place = f"{_repository(call, settings)}/actions/workflows"
    name = _present(call.workflow, "workflow")
    names = [name] if name.lower().endswith((".yml", ".yaml")) else [f"{name}.yml", f"{name}.yaml"]
    return [f"{place}/{quote(each, safe='')}/dispatches" for each in names]


def _repository(call: Call, settings: Settings) -> str:
    """The repository's address in the API."""
    owner = _present(call.owner or settings.default_github_owner, "owner")
    repo = _present(call.repo, "repository")
    return f"{settings.github_api_url}/repos/{quote(owner, safe='')}/{quote(repo, safe='')}"


def _inputs(metadata: Any) -> dict[str, Any]:
    """The workflow's inputs: `metadata.inputs` where that is an object, else what the metadata hold beside the ref."""
    if not isinstance(metadata, Mapping):
        return {}
    named = metadata.get("inputs")
    given = named if isinstance(named, Mapping) else {k: v for k, v in metadata.items() if k not in _REF_KEYS}
    # GitHub takes text, numbers and yes or no; whatever else is written as JSON text.
    return {key: value if isinstance(value, str | int | float) else json.dumps(value) for key, value in given.items()}


def _present(value: str | None, what: str) -> str:
    """One part of a path. Raises OutgoingError for one that is missing, or that would lead elsewhere."""
    name = (value or "").strip()
    if not name or name in {".", ".."}:
        raise OutgoingError(f"{name!r} is no GitHub {what}." if name else f"The GitHub job names no {what}.")
    return name


def _same_origin(address: str, api: str) -> bool:
    try:
        return yarl.URL(address).origin() == yarl.URL(api).origin()
    except ValueError:
        return False
