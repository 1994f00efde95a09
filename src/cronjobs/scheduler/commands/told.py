"""What a question of `crossfade scheduler runs` is answered with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Told:
    """The same for a program and for a person."""

    answer: dict[str, Any]
    """With `ok`: whether there is nothing to complain about."""
    lines: Sequence[str]
