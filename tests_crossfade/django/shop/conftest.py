"""An application that lives as long as the run, so that its engines outlive every test."""

import asyncio

import httpx2
import pytest


@pytest.fixture(scope="session")
def app(django_database):
    from shop.web import create_app

    app = create_app()
    yield app
    app.state.router.dispose()


@pytest.fixture
def ask(app):
    """A request to FastAPI, in an event loop of its own."""

    def request(method, path):
        async def send():
            transport = httpx2.ASGITransport(app=app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://shop") as client:
                return await client.request(method, path)

        return asyncio.run(send())

    return request
