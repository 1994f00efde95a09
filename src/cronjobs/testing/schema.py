"""Holds a stack to the OpenAPI document: Schemathesis makes requests of it, and looks at the answers.

The document is FastAPI's; below another prefix it speaks of Flask as well.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import APIOperation, GenerationMode, Response, openapi
from schemathesis import Case as GenericCase
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Err
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cronjobs.fastapi_app import create_app
from cronjobs.testing.client import Answer, Api
from cronjobs.testing.worlds import World
from crossfade.testing.restore import Snapshot

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
FEW = settings(
    max_examples=3,
    # The same ones each time: a test that fails on some days is no help.
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
ORIGIN = "http://127.0.0.1"
DOCUMENTED = "/api/v2"

Operation = APIOperation[Any, Any, Any, Any]
Case = GenericCase[Any]


def operations(world: World, prefix: str) -> Iterator[Operation]:
    """What the OpenAPI document describes, as if it were below `prefix`."""
    document = create_app(router=world.router).openapi()
    paths = {prefix + path.removeprefix(DOCUMENTED): item for path, item in document["paths"].items()}
    for found in openapi.from_dict(document | {"paths": paths}).get_all_operations():
        if isinstance(found, Err):
            raise found.err()
        yield found.ok()


@dataclass(frozen=True)
class Known:
    """What makes requests succeed: what there is, and what can be sent."""

    ids: Mapping[str, str]
    """By the name of the path's parameter."""
    bodies: Mapping[str, Any]
    """For an operation, one that is accepted."""
    tokens: Mapping[str, str]
    """For an operation that asks for another than all the others do, which have ""."""
    calling: Collection[str]
    """The operations that call whom the body names: they get no other body."""

    def token(self, operation: Operation) -> str:
        """The one that the operation asks for."""
        return self.tokens.get(operation.label, self.tokens[""])


def faults(operation: Operation, known: Known, api: Api, before: Snapshot) -> list[str]:
    """What is wrong with a stack's answers; nothing if they are as documented, and one at least is a success.

    Each request finds everything as it was in `before`.
    """
    statuses: set[int] = set()

    def check(case: Case, headers: dict[str, str]) -> None:
        before.restore()
        answer, request = send(case, api, headers)
        statuses.add(answer.status)
        case.validate_response(_response(answer, request), checks=CHECKS)

    found = []
    for tried in _cases(operation, known):

        @FEW
        @given(case=tried)
        def is_as_documented(case: Case) -> None:
            check(case, {"Authorization": f"Bearer {known.token(operation)}"})
            check(case, {})

        try:
            is_as_documented()
        except Unsatisfiable:  # a request of which there is nothing to get wrong
            continue
        except (FailureGroup, Exception) as error:  # noqa: BLE001 - the other operations are looked at all the same
            found.append(f"{operation.label}: {error}")
    if not any(status < HTTPStatus.BAD_REQUEST for status in statuses):
        found.append(f"{operation.label}: nothing but {statuses} was answered: give a body that is accepted")
    return found


def send(case: Case, api: Api, headers: dict[str, str]) -> tuple[Answer, requests.PreparedRequest]:
    """What a stack answers, and what it was sent."""
    sent = requests.Request(**case.as_transport_kwargs(base_url=ORIGIN, headers=headers)).prepare()
    body = sent.body.encode() if isinstance(sent.body, str) else cast("bytes | None", sent.body)
    return api.sender.send(case.method, sent.path_url, cast("dict[str, str]", dict(sent.headers)), body), sent


def _cases(operation: Operation, known: Known) -> Iterator[SearchStrategy[Case]]:
    """Requests as the document allows them and as it does not, about what nobody knows and about what there is."""
    ids = {name: value for name, value in known.ids.items() if f"{{{name}}}" in operation.path}
    body: dict[str, Any] = {}
    if operation.label in known.bodies:
        body = {"body": known.bodies[operation.label], "media_type": next(iter(operation.body)).media_type}
    # An empty date is none: of those that are made up hardly any is a date.
    yield operation.as_strategy(path_parameters=ids, query={"from": "", "to": ""}, **body)
    for mode in GenerationMode if operation.label not in known.calling else ():
        for path_parameters in ({}, ids) if ids else ({},):
            yield operation.as_strategy(mode, path_parameters=dict(path_parameters))


def _response(answer: Answer, request: requests.PreparedRequest) -> Response:
    headers = {name: [value] for name, value in answer.headers.items()}
    return Response(answer.status, headers, answer.raw, request, elapsed=0.0, verify=False)
