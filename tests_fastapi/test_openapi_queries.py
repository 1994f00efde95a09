"""What /docs says of queries: they are read by the parser of both stacks, so FastAPI does not see them by itself."""

import pytest

from cronjobs.fastapi_app import create_app
from crossfade.router import Router


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/jobs", "page per_page search category pic_team is_active"),
        ("/jobs/{job_id}/executions", "limit status state trigger_type from to"),
        ("/executions", "page limit job_id status state trigger_type execution_type from to"),
        ("/executions/statistics", "job_id from to"),
    ],
)
def test_the_parameters_of_a_list_are_documented(router: Router, path: str, names: str) -> None:
    operation = create_app(router=router).openapi()["paths"][f"/api/v2{path}"]["get"]

    documented = [each["name"] for each in operation["parameters"] if each["in"] == "query"]
    assert documented == names.split()
