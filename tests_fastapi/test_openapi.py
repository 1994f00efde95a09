"""What FastAPI says about itself."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from cronjobs.fastapi_app import create_app
from cronjobs.web import problems
from cronjobs.web.schemas.refusals import KINDS
from crossfade.router import Router

ANYWHERE = {"500"}
OF_THE_DATABASE = {"503"}
TO_STRANGERS = {"401"}
TO_THE_WRONG_ONES = {"403"}
OF_BODIES = {"400", "413"}


@pytest.fixture
def document(router: Router) -> Any:
    return create_app(router=router).openapi()


def errors(document: Any, operation: str) -> set[str]:
    method, path = operation.split()
    answers = document["paths"][f"/api/v2{path}"][method.lower()]["responses"]
    return {status for status in answers if int(status) >= 400}


def test_every_error_of_every_endpoint_is_documented_by_its_status(document: Any) -> None:
    operations = [operation for path in document["paths"].values() for operation in path.values()]

    assert len(operations) > 50
    for operation in operations:
        known = {str(int(status)) for status in KINDS} | {"200", "201"}
        assert set(operation["responses"]) <= known, operation["operationId"]
        assert "500" in operation["responses"], operation["operationId"]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("GET /echo", ANYWHERE | {"404", "413"}),
        ("GET /health", ANYWHERE | OF_THE_DATABASE),
        ("GET /auth/me", ANYWHERE | OF_THE_DATABASE | TO_STRANGERS),
        ("GET /auth/users", ANYWHERE | OF_THE_DATABASE | TO_STRANGERS | TO_THE_WRONG_ONES),
        ("POST /auth/login", ANYWHERE | OF_THE_DATABASE | TO_STRANGERS | OF_BODIES | {"429"}),
        ("GET /job-categories", ANYWHERE | OF_THE_DATABASE | TO_STRANGERS),
        ("GET /executions", ANYWHERE | OF_THE_DATABASE | TO_STRANGERS | {"400"}),
        ("GET /jobs/{job_id}", ANYWHERE | OF_THE_DATABASE | TO_STRANGERS | {"404"}),
        ("PUT /jobs/{job_id}", ANYWHERE | OF_THE_DATABASE | TO_STRANGERS | TO_THE_WRONG_ONES | OF_BODIES | {"404"}),
        ("POST /pic-teams", ANYWHERE | OF_THE_DATABASE | TO_STRANGERS | TO_THE_WRONG_ONES | OF_BODIES | {"409"}),
    ],
)
def test_the_errors_follow_from_what_the_endpoint_declares(document: Any, operation: str, expected: set[str]) -> None:
    assert errors(document, operation) == expected


def test_each_status_has_one_shape_and_the_headers_that_come_with_it(document: Any) -> None:
    responses = document["components"]["responses"]
    schemas = document["components"]["schemas"]

    assert schemas["TooManyAttempts"]["required"] == ["error", "message", "retry_after"]
    assert schemas["InvalidRequest"]["required"] == ["error", "message"]
    assert set(responses["Unauthorized"]["headers"]) == {"WWW-Authenticate"}
    assert set(responses["ServiceUnavailable"]["headers"]) == {"Retry-After"}
    unavailable = document["paths"]["/api/v2/health"]["get"]["responses"]["503"]
    assert unavailable["content"]["application/json"]["schema"]["$ref"].endswith("/Unhealthy")


def test_every_status_that_a_service_can_refuse_with_has_a_shape() -> None:
    assert set(problems.STATUSES.values()) <= set(KINDS)


def test_a_body_that_may_be_left_out_is_documented_so(document: Any) -> None:
    execute = document["paths"]["/api/v2/jobs/{job_id}/execute"]["post"]
    create = document["paths"]["/api/v2/jobs"]["post"]

    assert execute["requestBody"]["required"] is False
    assert create["requestBody"]["required"] is True


def test_nothing_is_left_of_the_answers_that_fastapi_would_give(document: Any) -> None:
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert "#/components/schemas/HTTPValidationError" not in str(document)


def test_the_document_is_found_under_both_its_names(router: Router) -> None:
    with TestClient(create_app(router=router)) as client:
        assert client.get("/openapi").json() == client.get("/openapi.json").json()


def test_a_wrong_method_outside_the_contract_is_told_the_right_ones(router: Router) -> None:
    with TestClient(create_app(router=router)) as client:
        answer = client.post("/docs")

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
