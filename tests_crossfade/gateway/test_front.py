"""Which stack answers which path."""

import pytest

from crossfade.gateway.front import Front
from crossfade.project import FRONT


@pytest.mark.parametrize(
    ("path", "stack"),
    [
        ("/api", "flask"),
        ("/api/", "flask"),
        ("/api/jobs", "flask"),
        ("/api/v2", "fastapi"),
        ("/api/v2/jobs", "fastapi"),
        ("/api/v22/jobs", "flask"),
        ("/api/v2x", "flask"),
        ("/docs", "fastapi"),
        ("/docs/oauth2-redirect", "fastapi"),
        ("/redoc", "fastapi"),
        ("/openapi", "fastapi"),
        ("/openapi.json", "fastapi"),
        ("/apiary", None),
        ("/API/jobs", None),
        ("//api/jobs", None),
        ("/", None),
        ("", None),
        ("*", None),
    ],
)
def test_the_longest_prefix_of_whole_segments_decides(path, stack):
    assert Front.of(FRONT).stack_for(path) == stack


def test_a_slash_is_behind_all_other_prefixes():
    front = Front.of({"/": "flask", "/new": "fastapi"})

    assert front.stack_for("/anything") == "flask"
    assert front.stack_for("/") == "flask"
    assert front.stack_for("/new/thing") == "fastapi"
