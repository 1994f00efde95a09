"""The shapes of Slack settings."""

from typing import Annotated, Self, cast

from pydantic import AfterValidator, Field

from cronjobs.models import SlackSettings
from cronjobs.services import slack
from cronjobs.services.slack import Changes
from cronjobs.web.requests import Body, NotNull
from cronjobs.web.schemas.answers import Answer, Instant


def _trimmed(longest: int) -> AfterValidator:
    def trimmed(text: str | None) -> str | None:
        kept = (text or "").strip()
        if len(kept) > longest:
            raise ValueError(f"this has at most {longest} characters")
        return kept or None

    return AfterValidator(trimmed)


class SlackChoices(Body):
    """PUT settings/slack: what is left out stays; null and blanks clear the address and the channel."""

    is_enabled: Annotated[bool | None, NotNull] = None
    webhook_url: Annotated[str | None, _trimmed(slack.LONGEST_URL), Field(repr=False)] = None
    channel: Annotated[str | None, _trimmed(slack.LONGEST_CHANNEL)] = None

    def changes(self) -> Changes:
        """What was mentioned."""
        return cast("Changes", self.model_dump(exclude_unset=True))


class SlackSettingsObject(Answer):
    """The settings, with the address masked; as long as nobody has set any, the defaults."""

    id: str | None
    is_enabled: bool
    webhook_url: str | None = Field(description="Masked; sent back like this, it leaves the address as it is.")
    channel: str | None
    created_at: Instant | None
    updated_at: Instant | None

    @classmethod
    def of(cls, settings: SlackSettings | None) -> Self:
        """The object of the stored settings, or of none."""
        if settings is None:
            return cls(id=None, is_enabled=False, webhook_url=None, channel=None, created_at=None, updated_at=None)
        return cls(
            id=settings.id,
            is_enabled=settings.is_enabled,
            webhook_url=slack.masked(settings.webhook_url),
            channel=settings.channel,
            created_at=settings.created_at,
            updated_at=settings.updated_at,
        )


class SlackShown(Answer):
    """The settings."""

    slack_settings: SlackSettingsObject

    @classmethod
    def of(cls, settings: SlackSettings | None) -> Self:
        """The answer to a question."""
        return cls(slack_settings=SlackSettingsObject.of(settings))


class SlackChanged(SlackShown):
    """The settings, which were changed."""

    message: str = "Slack settings updated"
