"""Which tables a copy and a proof are about, and in which order: what others refer to comes before them.

A plan is made from the metadata alone and opens nothing. Whether the two databases fit it is left to `checks`.

A table may say of itself that its rows are about the database that they are in, and mean nothing in another one:
`Table(..., info={LOCAL: True})`. It is left out unless somebody names it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from sqlalchemy import MetaData, Table

from crossfade.errors import SelectionError
from crossfade.transfer.marks import LOCAL
from crossfade.transfer.shapes import Reference, Shape, references_of, shape_of


@dataclass(frozen=True)
class Plan:
    """The tables that are carried, in their order."""

    shapes: tuple[Shape, ...]
    """A table that others refer to stands before them, but for what is deferred."""
    deferred: Mapping[str, tuple[Reference, ...]]
    """By table: references to the table itself, and those that close a circle. Their rows may come later."""
    outside: Mapping[str, tuple[Reference, ...]]
    """By table: references to tables that were left out, whose rows the target must have already."""
    left_out: tuple[str, ...]
    """The tables of the metadata that are not carried."""
    metadata: MetaData
    revisions: str | None = None
    """The package of the revisions that both databases must be at; None if nobody keeps any."""
    ignored: frozenset[str] = frozenset()
    """Tables beside the metadata that are known, and never read."""
    chosen: bool = False
    """Whether somebody said which tables, instead of all."""
    excluded: frozenset[str] = frozenset()
    """What somebody named to be left out, tables beside the metadata among them."""
    local: tuple[str, ...] = ()
    """What of `left_out` is so because its rows are of one database alone."""
    parents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By table of the metadata: the tables that it needs, directly or through others, itself not among them."""

    @property
    def names(self) -> tuple[str, ...]:
        """The tables that are carried, in their order."""
        return tuple(shape.name for shape in self.shapes)

    @property
    def notes(self) -> list[str]:
        """What a person should know of the choice."""
        if not self.local:
            return []
        one = len(self.local) == 1
        said = f"{_listed(self.local)}: {'its' if one else 'their'} rows are of one database alone"
        return [f"{said}, so {'it is' if one else 'they are'} left out (--tables names what is wanted)"]

    @property
    def selection(self) -> str:
        """The same tables by name: two plans of one metadata with the same selection carry the same."""
        return ",".join(sorted(self.names))

    def shape(self, name: str) -> Shape:
        """The table of this name. Raises KeyError."""
        found = next((shape for shape in self.shapes if shape.name == name), None)
        if found is None:
            raise KeyError(name)
        return found

    def referring(self, name: str) -> tuple[tuple[Table, Reference], ...]:
        """Every reference to this table, those of tables that are left out among them."""
        return tuple(
            (table, reference)
            for table in self.metadata.tables.values()
            for reference in references_of(table)
            if reference.table == name
        )


def make(
    metadata: MetaData,
    *,
    tables: Collection[str] | None = None,
    exclude: Collection[str] = (),
    with_parents: bool = False,
    revisions: str | None = None,
    ignored: Collection[str] = (),
) -> Plan:
    """The plan for `tables` (by default every table of the metadata that isn't local) without those in `exclude`.

    `with_parents` adds what the chosen tables refer to, directly or through others, unless it is excluded. A table in a
    schema is named with it, or without if that is clear. Raises SelectionError for names that mean nothing or several
    tables, and if nothing is left; UnsupportedTypeError for a column whose meaning isn't known.
    """
    known = {table.fullname: references_of(table) for table in metadata.tables.values()}
    parents = {name: _ancestors(name, known) for name in known}
    # What is excluded may be a table of the source that the metadata doesn't have: `checks` knows.
    without = {_resolved(name, known, "--exclude", lenient=True) for name in exclude}
    local = {name for name in known if metadata.tables[name].info.get(LOCAL)}
    chosen = set(known) - local if tables is None else {_resolved(name, known, "--tables") for name in tables}
    both = sorted(chosen & without) if tables is not None else []
    if both:
        raise SelectionError(reason=f"{', '.join(both)} can't be asked for and excluded at once")
    if with_parents:
        chosen |= {parent for name in chosen for parent in parents[name]}
    chosen -= without
    if not chosen:
        raise SelectionError(reason="no table is left")
    order, deferred = _ordered([name for name in known if name in chosen], known, metadata)
    return Plan(
        shapes=tuple(shape_of(metadata.tables[name]) for name in order),
        deferred=deferred,
        outside=_outside(order, known, chosen),
        left_out=tuple(name for name in known if name not in chosen),
        metadata=metadata,
        revisions=revisions,
        ignored=frozenset(ignored),
        local=tuple(sorted(local - without)) if tables is None else (),
        chosen=tables is not None,
        excluded=frozenset(without),
        parents={name: tuple(sorted(parents[name])) for name in known},
    )


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


_References = Mapping[str, Sequence[Reference]]


def _resolved(name: str, known: Iterable[str], option: str, *, lenient: bool = False) -> str:
    names = list(known)
    if name in names:
        return name
    found = [full for full in names if full.rpartition(".")[2] == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise SelectionError(reason=f"{option} {name}: there are {' and '.join(sorted(found))}; write which one")
    if lenient:
        return name
    close = get_close_matches(name, names, n=1)
    advice = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(names))}"
    raise SelectionError(reason=f"{option} {name}: the metadata has no such table; {advice}")


def _ancestors(name: str, known: _References) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for reference in known.get(waiting.pop(), ()):
            if reference.table not in found:
                found.add(reference.table)
                waiting.append(reference.table)
    return found - {name}


def _outside(order: Iterable[str], known: _References, chosen: Collection[str]) -> dict[str, tuple[Reference, ...]]:
    found = {name: tuple(one for one in known[name] if one.table not in chosen) for name in order}
    return {name: references for name, references in found.items() if references}


def _ordered(
    names: Sequence[str], known: _References, metadata: MetaData
) -> tuple[list[str], dict[str, tuple[Reference, ...]]]:
    """The names in an order in which referred tables come first, and the references that had to be passed over."""
    deferred = {name: [one for one in known[name] if one.table == name] for name in names}
    open_ = {name: [one for one in known[name] if one.table != name and one.table in set(names)] for name in names}
    order: list[str] = []
    while len(order) < len(names):
        rest = [name for name in names if name not in order]
        ready = next((name for name in rest if all(one.table in order for one in open_[name])), None)
        if ready is None:
            ready = _opening(rest, open_, metadata)
            deferred[ready] += [one for one in open_[ready] if one.table not in order]
        order.append(ready)
    return order, {name: tuple(references) for name, references in deferred.items() if references}


def _opening(rest: Sequence[str], open_: _References, metadata: MetaData) -> str:
    """Where a circle is opened: at a table that waits for its own circle alone, best one that can wait with nulls."""
    reach = {name: _ancestors(name, {one: open_[one] for one in rest}) & set(rest) for name in rest}
    circles = [name for name in rest if all(name in reach[other] for other in reach[name])]
    patient = [
        name
        for name in circles
        if all(
            metadata.tables[name].columns[column].nullable
            for one in open_[name]
            if one.table in reach[name]
            for column in one.columns
        )
    ]
    return (patient or circles)[0]
