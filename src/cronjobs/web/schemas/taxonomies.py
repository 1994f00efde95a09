"""The shapes of categories and teams."""

from collections.abc import Iterable
from typing import Annotated, Any, Self, cast

from pydantic import AfterValidator, model_validator

from cronjobs.models import JobCategory, PicTeam
from cronjobs.services import slugs, taxonomies
from cronjobs.services.taxonomies import Changed, Changes, New
from cronjobs.web.requests import Body, NotNull
from cronjobs.web.schemas.answers import Answer, Instant


def _slug(text: str | None) -> str | None:
    return None if text is None else slugs.given(text)


Name = Annotated[str, AfterValidator(taxonomies.display_name)]
Slug = Annotated[str | None, AfterValidator(_slug)]
Handle = Annotated[str | None, AfterValidator(taxonomies.slack_handle)]


class NewCategory(Body):
    """POST job-categories: without a slug it is made of the name."""

    name: Name
    slug: Slug = None

    def term(self) -> New:
        """The category or team to be."""
        return cast("New", dict(self))


class NewTeam(NewCategory):
    """POST pic-teams."""

    slack_handle: Handle = None


class CategoryChanges(Body):
    """PUT job-categories/{id}: what is left out stays; the slug follows the name."""

    name: Annotated[Name | None, NotNull] = None
    is_active: Annotated[bool | None, NotNull] = None

    @model_validator(mode="before")
    @classmethod
    def _slugs_follow(cls, value: Any) -> Any:
        if isinstance(value, dict) and "slug" in value:
            raise ValueError("a slug can't be set: it follows the name")
        return value

    def changes(self) -> Changes:
        """What was mentioned."""
        return cast("Changes", self.model_dump(exclude_unset=True))


class TeamChanges(CategoryChanges):
    """PUT pic-teams/{id}: as a category's; null and blanks clear the handle."""

    slack_handle: Handle = None


class CategoryObject(Answer):
    """A category."""

    id: str
    slug: str
    name: str
    is_active: bool
    created_at: Instant
    updated_at: Instant


class TeamObject(CategoryObject):
    """A team."""

    slack_handle: str | None


class CategoryList(Answer):
    """The categories, by name."""

    categories: list[CategoryObject]

    @classmethod
    def of(cls, terms: Iterable[JobCategory]) -> Self:
        """The answer of a list."""
        return cls(categories=[CategoryObject.model_validate(term) for term in terms])


class TeamList(Answer):
    """The teams, by name."""

    pic_teams: list[TeamObject]

    @classmethod
    def of(cls, terms: Iterable[PicTeam]) -> Self:
        """The answer of a list."""
        return cls(pic_teams=[TeamObject.model_validate(term) for term in terms])


class SavedCategory(Answer):
    """A category that was made or disabled."""

    message: str
    category: CategoryObject

    @classmethod
    def created(cls, term: JobCategory) -> Self:
        """The answer to a new category."""
        return cls(message="Category created", category=CategoryObject.model_validate(term))

    @classmethod
    def disabled(cls, term: JobCategory) -> Self:
        """The answer to a DELETE."""
        return cls(message="Category disabled", category=CategoryObject.model_validate(term))


class ChangedCategory(SavedCategory):
    """A category that was changed."""

    jobs_updated: int

    @classmethod
    def of(cls, changed: Changed[JobCategory]) -> Self:
        """The answer to a change."""
        category = CategoryObject.model_validate(changed.term)
        return cls(message="Category updated", category=category, jobs_updated=changed.jobs_updated)


class SavedTeam(Answer):
    """A team that was made or disabled."""

    message: str
    pic_team: TeamObject

    @classmethod
    def created(cls, term: PicTeam) -> Self:
        """The answer to a new team."""
        return cls(message="PIC team created", pic_team=TeamObject.model_validate(term))

    @classmethod
    def disabled(cls, term: PicTeam) -> Self:
        """The answer to a DELETE."""
        return cls(message="PIC team disabled", pic_team=TeamObject.model_validate(term))


class ChangedTeam(SavedTeam):
    """A team that was changed."""

    jobs_updated: int

    @classmethod
    def of(cls, changed: Changed[PicTeam]) -> Self:
        """The answer to a change."""
        team = TeamObject.model_validate(changed.term)
        return cls(message="PIC team updated", pic_team=team, jobs_updated=changed.jobs_updated)
