"""Real databases for what Django's settings are translated to."""

import uuid

import pytest


@pytest.fixture
def postgresql(server):
    """settings.DATABASES["default"] for a new, empty PostgreSQL database."""
    url = server.database(f"django_test_{uuid.uuid4().hex[:12]}")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.database,
        "USER": url.username,
        "HOST": url.query["host"],
    }
