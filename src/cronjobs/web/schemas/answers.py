"""What every answer shares: ISO 8601 instants in UTC with milliseconds and `Z`, and JSON made in one place."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer

from crossfade import clock


def iso(instant: datetime) -> str:
    """`2026-11-21T07:06:05.123Z`; naive means UTC."""
    return clock.utc(instant).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Instant = Annotated[datetime, PlainSerializer(iso, return_type=str)]


class Answer(BaseModel):
    """The base of every answer: made from models by attribute, serialised by `model_dump_json`."""

    model_config = ConfigDict(from_attributes=True)


class Refusal(Answer):
    """What every error looks like; some carry more."""

    model_config = ConfigDict(extra="allow")

    error: str
    message: str
