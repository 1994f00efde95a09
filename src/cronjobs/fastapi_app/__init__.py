"""The FastAPI stack: routers over the shared services, under `/api/v2`.

uvicorn --factory --no-proxy-headers cronjobs.fastapi_app:create_app
"""

from cronjobs.fastapi_app.factory import create_app

__all__ = ["create_app"]
