"""The chaos drill: processes that are killed, frozen and cut off while they fire, and a count of what came of it."""
