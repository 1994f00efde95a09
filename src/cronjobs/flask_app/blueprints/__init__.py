"""A module for each noun of the contract; each has a twin of the same name in `fastapi_app.routers`."""

from flask import Blueprint

from cronjobs.flask_app.blueprints import (
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


def every() -> list[Blueprint]:
    """The blueprints, in the order of the contract."""
    return [
        auth.blueprint,
        jobs.blueprint,
        bulk.blueprint,
        executions.blueprint,
        notifications.blueprint,
        taxonomies.blueprint,
        settings.blueprint,
        audit.blueprint,
        scheduler.blueprint,
        health.blueprint,
        metrics.blueprint,
    ]
