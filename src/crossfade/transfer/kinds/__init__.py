"""What the values of a column mean, and the one text that each of them has on both engines.

`kind_of` finds the kind of a column's type, `install` prepares a connection for the SQL that the kinds make.
Between equal engines nothing is translated: there a value is carried as it is, and nothing here is needed.
"""

from crossfade.transfer.kinds.connections import install
from crossfade.transfer.kinds.meaning import EngineName, Fault, Kind
from crossfade.transfer.kinds.resolution import kind_of

__all__ = ["EngineName", "Fault", "Kind", "install", "kind_of"]
