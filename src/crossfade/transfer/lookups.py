"""Whether a value is among those that a query finds, as SQL that asks the query once, not for each row."""

from crossfade.transfer.kinds import EngineName


def among(value: str, query: str, engine: EngineName) -> str:
    """SQL, never null. `query` selects one column, and names nothing that isn't its own."""
    if engine == "postgresql":
        # Its planner asks once if it expects few, and may expect millions; of an array it always expects ten.
        query = f"SELECT unnest(ARRAY({query}))"
    return f"coalesce({value} IN ({query}), false)"
