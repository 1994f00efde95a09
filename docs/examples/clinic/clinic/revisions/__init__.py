"""The steps of the schema; `crossfade init` takes them."""
