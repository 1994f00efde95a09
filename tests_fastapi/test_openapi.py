"""What FastAPI says about itself."""

from fastapi.testclient import TestClient

from cronjobs.fastapi_app import create_app
from crossfade.router import Router


def test_no_endpoint_claims_to_answer_422(router: Router) -> None:
    document = create_app(router=router).openapi()

    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(operations) > 30
    assert [each["operationId"] for each in operations if "422" in each["responses"]] == []
    assert all("4XX" in each["responses"] for each in operations)


def test_the_document_is_found_under_both_its_names(router: Router) -> None:
    with TestClient(create_app(router=router)) as client:
        assert client.get("/openapi").json() == client.get("/openapi.json").json()


def test_a_wrong_method_outside_the_contract_is_told_the_right_ones(router: Router) -> None:
    with TestClient(create_app(router=router)) as client:
        answer = client.post("/docs")

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
