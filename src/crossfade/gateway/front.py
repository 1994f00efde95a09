"""Which stack answers a path, as `front` in `[tool.crossfade]` says.

Prefixes match whole segments (`/api` is not `/apiary`), the longest wins. The path that is matched is the decoded
one, once decoded: the same text that Flask and FastAPI match their own routes on, so that no spelling of a path
(`/%61pi/v2`, `/api%2Fv2`) can reach another stack than the application would expect. Carrying it is left to `proxy`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from crossfade.routes import Stack


@dataclass(frozen=True)
class Front:
    """Prefixes and the stacks behind them, the longest prefix first."""

    prefixes: tuple[tuple[str, Stack], ...]

    @classmethod
    def of(cls, prefixes: Mapping[str, Stack]) -> Self:
        """The table for `prefixes`; `/` is behind all others."""
        ordered = sorted(prefixes.items(), key=lambda entry: (-len(entry[0]), entry[0]))
        return cls(tuple((prefix.rstrip("/"), stack) for prefix, stack in ordered))

    def stack_for(self, path: str) -> Stack | None:
        """The stack that answers `path` (decoded), None if nobody does."""
        for prefix, stack in self.prefixes:
            if path.startswith(f"{prefix}/") or path == prefix:
                return stack
        return None
