"""Which rows differ: both sides' rows of the buckets that differ, in the order of their keys, side by side.

Memory doesn't grow with the table: a row of each side is looked at, then let go. What becomes of the differences is
left to whoever asks for them.
"""

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from crossfade.transfer.digests import Row, Side, Sum, identity
from crossfade.transfer.framing import Values, split
from crossfade.transfer.reports import Difference
from crossfade.transfer.shapes import Shape

Change = Literal["missing", "extra", "changed"]
"""Of the target: it lacks the row, has it alone, or has other values."""

_MOST: float = 0.5
"""If more than this part of the buckets differs, all are read: choosing would cost more than it saves."""


@dataclass(frozen=True)
class Differing:
    """A row that is not the same on both sides, by the frames of both."""

    shape: Shape
    change: Change
    key: bytes
    source: bytes | None
    target: bytes | None

    @property
    def key_values(self) -> Values:
        """The values of its key, or of all columns without one."""
        return split(self.key, identity(self.shape))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that differ; none of a row that one side hasn't."""
        if self.source is None or self.target is None:
            return ()
        pairs = zip(split(self.source, self.shape.columns), split(self.target, self.shape.columns), strict=True)
        return tuple(
            column.name for column, (one, other) in zip(self.shape.columns, pairs, strict=True) if one != other
        )

    @property
    def reported(self) -> Difference:
        """As a report has it."""
        names = [column.name for column in identity(self.shape)]
        key = {name: shown(value) for name, value in zip(names, self.key_values, strict=True)}
        return Difference(self.shape.name, key, self.change, self.columns)


def differing_buckets(source: Mapping[int, Sum], target: Mapping[int, Sum]) -> set[int]:
    """The buckets whose sums differ."""
    return {number for number in source.keys() | target.keys() if source.get(number) != target.get(number)}


def worth_choosing(differing: Collection[int], source: Mapping[int, Sum], target: Mapping[int, Sum]) -> bool:
    """Whether so few of the buckets differ that the others are better left unread."""
    return len(differing) <= _MOST * len(source.keys() | target.keys())


def between(
    source: Side, target: Side, shape: Shape, buckets: Collection[int] | None, pools: tuple[Executor, Executor]
) -> Iterator[Differing]:
    """The rows of a table that differ, in these buckets (None: in all), in the order of their keys' frames."""
    with closing(source.rows(shape, buckets)) as here, closing(target.rows(shape, buckets)) as there:
        # Either side sorts before it gives its first row: both do so at once.
        firsts = pools[0].submit(next, here, None), pools[1].submit(next, there, None)
        yield from _merged(shape, _again(firsts[0].result(), here), _again(firsts[1].result(), there))


def shown(value: bytes | None) -> str | None:
    """A value of a frame for a person: bytes that are no text are written as escapes."""
    return None if value is None else value.decode("utf-8", "backslashreplace")


def _again(first: Row | None, rest: Iterator[Row]) -> Iterator[Row]:
    return iter(()) if first is None else chain((first,), rest)


def _merged(shape: Shape, source: Iterator[Row], target: Iterator[Row]) -> Iterator[Differing]:
    left, right = next(source, None), next(target, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None  # noqa: S101  for the type checker
            yield Differing(shape, "missing", left[0], left[1], None)
            left = next(source, None)
        elif left is None or right[0] < left[0]:
            yield Differing(shape, "extra", right[0], None, right[1])
            right = next(target, None)
        else:
            if left[1] != right[1]:
                yield Differing(shape, "changed", left[0], left[1], right[1])
            left, right = next(source, None), next(target, None)
