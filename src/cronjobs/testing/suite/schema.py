"""The OpenAPI document is true of both stacks."""

from collections.abc import Generator
from contextlib import closing

import pytest
from sqlalchemy.orm import Session

from cronjobs.models import User, metadata
from cronjobs.services import tokens
from cronjobs.testing import everything
from cronjobs.testing.client import Api
from cronjobs.testing.schema import Known, faults, operations
from cronjobs.testing.targets import Target
from cronjobs.testing.worlds import Person, World
from crossfade import clock
from crossfade.testing.restore import Snapshot, take


@pytest.fixture
def known(session: Session, world: World, prefix: str, admin: Person, target: Target) -> Known:
    """One of everything; the jobs call `target`."""
    there = everything.arrange(session, world.settings, world.people, target.url)
    bodies = everything.bodies(world.settings, admin, target.url)
    user = session.get_one(User, admin.id)
    return Known(
        ids={**there.ids, **there.special["notification of the admin"]},
        bodies={_below(prefix, operation): body for operation, body in bodies.items()},
        tokens={
            "": admin.token,
            _below(prefix, "POST /auth/refresh"): tokens.issue(user, world.settings, "refresh", at=clock.now()),
        },
        calling={_below(prefix, operation) for operation in everything.CALLING},
    )


def _below(prefix: str, operation: str) -> str:
    return operation.replace("/", f"{prefix}/", 1)


@pytest.fixture
def before(known: Known, world: World) -> Generator[Snapshot]:
    """The way back to one of everything."""
    with closing(take(world.router.engine("flask"), metadata)) as snapshot:
        yield snapshot


@pytest.mark.parametrize("crossfade_database", ["sqlite"], indirect=True)
def test_every_answer_is_as_the_document_says(
    world: World, api: Api, prefix: str, known: Known, before: Snapshot, target: Target
) -> None:
    described = list(operations(world, prefix))

    wrong = [fault for operation in described for fault in faults(operation, known, api, before)]

    assert not wrong, "\n\n".join(wrong)
    assert {*known.bodies, *known.tokens, *known.calling} - {""} <= {operation.label for operation in described}
    assert target.asked
