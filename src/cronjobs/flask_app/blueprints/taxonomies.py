"""Job categories and PIC teams."""

from flask import Blueprint, Response

from cronjobs.flask_app.edge import body, query, read, reply, signed_in, write
from cronjobs.models import JobCategory, PicTeam
from cronjobs.models.users import ADMIN
from cronjobs.services import taxonomies
from cronjobs.web import queries
from cronjobs.web.schemas.taxonomies import (
    CategoryChanges,
    CategoryList,
    ChangedCategory,
    ChangedTeam,
    NewCategory,
    NewTeam,
    SavedCategory,
    SavedTeam,
    TeamChanges,
    TeamList,
)

blueprint = Blueprint("taxonomies", __name__)


@blueprint.get("/job-categories")
def categories() -> Response:
    disabled_too = queries.disabled_too(query(), signed_in())
    found = taxonomies.listed(read(), JobCategory, include_inactive=disabled_too)
    return reply(CategoryList.of(found))


@blueprint.post("/job-categories")
def create_category() -> Response:
    caller = signed_in(ADMIN)
    given = body(NewCategory)
    made = taxonomies.create(write(), caller, JobCategory, given.term())
    return reply(SavedCategory.created(made), 201)


@blueprint.put("/job-categories/<category_id>")
def change_category(category_id: str) -> Response:
    caller = signed_in(ADMIN)
    given = body(CategoryChanges)
    changed = taxonomies.change(write(), caller, JobCategory, category_id, given.changes())
    return reply(ChangedCategory.of(changed))


@blueprint.delete("/job-categories/<category_id>")
def disable_category(category_id: str) -> Response:
    caller = signed_in(ADMIN)
    disabled = taxonomies.disable(write(), caller, JobCategory, category_id)
    return reply(SavedCategory.disabled(disabled))


@blueprint.get("/pic-teams")
def teams() -> Response:
    disabled_too = queries.disabled_too(query(), signed_in())
    found = taxonomies.listed(read(), PicTeam, include_inactive=disabled_too)
    return reply(TeamList.of(found))


@blueprint.post("/pic-teams")
def create_team() -> Response:
    caller = signed_in(ADMIN)
    given = body(NewTeam)
    made = taxonomies.create(write(), caller, PicTeam, given.term())
    return reply(SavedTeam.created(made), 201)


@blueprint.put("/pic-teams/<team_id>")
def change_team(team_id: str) -> Response:
    caller = signed_in(ADMIN)
    given = body(TeamChanges)
    changed = taxonomies.change(write(), caller, PicTeam, team_id, given.changes())
    return reply(ChangedTeam.of(changed))


@blueprint.delete("/pic-teams/<team_id>")
def disable_team(team_id: str) -> Response:
    caller = signed_in(ADMIN)
    disabled = taxonomies.disable(write(), caller, PicTeam, team_id)
    return reply(SavedTeam.disabled(disabled))
