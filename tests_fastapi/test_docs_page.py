"""The page at /docs works in a browser that keeps to its Content-Security-Policy."""

import re

from fastapi.testclient import TestClient

from cronjobs.fastapi_app import create_app
from crossfade.router import Router


def test_the_policy_of_the_docs_page_allows_what_the_page_loads(router: Router) -> None:
    with TestClient(create_app(router=router)) as client:
        page = client.get("/docs")
        document = client.get("/openapi.json")

    policy = dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))
    scripts = re.findall(r'<script src="(https://[^/"]+)', page.text)
    styles = re.findall(r'<link[^>]* rel="stylesheet"[^>]* href="(https://[^/"]+)', page.text)
    styles += re.findall(r'<link[^>]* href="(https://[^/"]+)[^>]* rel="stylesheet"', page.text)
    icons = re.findall(r'<link rel="shortcut icon" href="(https://[^/"]+)', page.text)
    assert scripts
    assert styles
    assert icons
    assert set(scripts) <= set(policy["script-src"].split())
    assert set(styles) <= set(policy["style-src"].split())
    assert set(icons) <= set(policy["img-src"].split())
    assert "'unsafe-inline'" in policy["script-src"]
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "'unsafe-inline'" not in document.headers["Content-Security-Policy"]
