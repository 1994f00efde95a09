"""What FastAPI says about itself."""

from cronjobs.fastapi_app import create_app
from crossfade.router import Router


def test_no_endpoint_claims_to_answer_422(router: Router) -> None:
    document = create_app(router=router).openapi()

    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(operations) > 30
    assert [each["operationId"] for each in operations if "422" in each["responses"]] == []
    assert all("4XX" in each["responses"] for each in operations)
