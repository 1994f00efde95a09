"""The steps of the schema, for tests without Django."""
