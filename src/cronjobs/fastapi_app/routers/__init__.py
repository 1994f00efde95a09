"""A module for each noun of the contract; each has a twin of the same name in `flask_app.blueprints`."""

from fastapi import APIRouter

from cronjobs.fastapi_app.routers import (
    audit,
    auth,
    bulk,
    executions,
    health,
    jobs,
    metrics,
    notifications,
    scheduler,
    settings,
    taxonomies,
)


def every() -> list[APIRouter]:
    """The routers, in the order of the contract."""
    return [
        auth.router,
        jobs.router,
        bulk.router,
        executions.router,
        notifications.router,
        taxonomies.router,
        settings.router,
        audit.router,
        scheduler.router,
        health.router,
        metrics.router,
    ]
