"""Job categories and PIC teams."""

from typing import Annotated

from fastapi import APIRouter, Response

from cronjobs.fastapi_app.document import in_query, refusing
from cronjobs.fastapi_app.edge import Admin, Body, Query, Reader, SignedIn, Writer, reply
from cronjobs.models import JobCategory, PicTeam
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

router = APIRouter(tags=["taxonomies"])


@router.get("/job-categories", response_model=CategoryList, openapi_extra=in_query("include_inactive"))
async def categories(caller: SignedIn, query: Query, reader: Reader) -> Response:
    disabled_too = queries.disabled_too(query, caller)
    found = await reader.run(taxonomies.listed, JobCategory, include_inactive=disabled_too)
    return reply(CategoryList.of(found))


@router.post("/job-categories", status_code=201, response_model=SavedCategory, responses=refusing(409))
async def create_category(caller: Admin, given: Annotated[NewCategory, Body(NewCategory)], writer: Writer) -> Response:
    made = await writer.run(taxonomies.create, caller, JobCategory, given.term())
    return reply(SavedCategory.created(made), 201)


@router.put("/job-categories/{category_id}", response_model=ChangedCategory, responses=refusing(409))
async def change_category(
    category_id: str, caller: Admin, given: Annotated[CategoryChanges, Body(CategoryChanges)], writer: Writer
) -> Response:
    changed = await writer.run(taxonomies.change, caller, JobCategory, category_id, given.changes())
    return reply(ChangedCategory.of(changed))


@router.delete("/job-categories/{category_id}", response_model=SavedCategory)
async def disable_category(category_id: str, caller: Admin, writer: Writer) -> Response:
    disabled = await writer.run(taxonomies.disable, caller, JobCategory, category_id)
    return reply(SavedCategory.disabled(disabled))


@router.get("/pic-teams", response_model=TeamList, openapi_extra=in_query("include_inactive"))
async def teams(caller: SignedIn, query: Query, reader: Reader) -> Response:
    disabled_too = queries.disabled_too(query, caller)
    found = await reader.run(taxonomies.listed, PicTeam, include_inactive=disabled_too)
    return reply(TeamList.of(found))


@router.post("/pic-teams", status_code=201, response_model=SavedTeam, responses=refusing(409))
async def create_team(caller: Admin, given: Annotated[NewTeam, Body(NewTeam)], writer: Writer) -> Response:
    made = await writer.run(taxonomies.create, caller, PicTeam, given.term())
    return reply(SavedTeam.created(made), 201)


@router.put("/pic-teams/{team_id}", response_model=ChangedTeam, responses=refusing(409))
async def change_team(
    team_id: str, caller: Admin, given: Annotated[TeamChanges, Body(TeamChanges)], writer: Writer
) -> Response:
    changed = await writer.run(taxonomies.change, caller, PicTeam, team_id, given.changes())
    return reply(ChangedTeam.of(changed))


@router.delete("/pic-teams/{team_id}", response_model=SavedTeam)
async def disable_team(team_id: str, caller: Admin, writer: Writer) -> Response:
    disabled = await writer.run(taxonomies.disable, caller, PicTeam, team_id)
    return reply(SavedTeam.disabled(disabled))
