"""What a table of the metadata says of itself to copies and proofs. It stands alone, because models import it."""

from typing import Final

LOCAL: Final = "crossfade_local"
"""True in the info of a table whose rows are about the database that they are in, and mean nothing in another one."""
