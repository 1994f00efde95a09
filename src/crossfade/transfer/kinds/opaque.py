"""Types that only one engine has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from crossfade.transfer.kinds.meaning import EngineName, Fault, Kind


@dataclass(frozen=True)
class Opaque(Kind):
    """A type without counterpart on the other engine: carried between equal engines only, as that engine writes it."""

    type_: str
    """The type, as the metadata has it."""
    cast: str | None = None
    """PostgreSQL's name of it."""
    name: ClassVar[str] = "opaque"
    free: ClassVar[bool] = True
    portable: ClassVar[bool] = False

    @property
    @override
    def described(self) -> str:
        return self.type_

    @override
    def text(self, column: str, engine: EngineName) -> str:
        return column if engine == "sqlite" else f"{column}::text"

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        return given if engine == "sqlite" or self.cast is None else f"CAST({given} AS {self.cast})"

    @override
    def unfit_for_postgresql(self, column: str) -> Sequence[Fault]:
        return ()
