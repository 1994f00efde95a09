"""The command `crossfade`: a module for each subcommand, `program` for what they share."""

from crossfade.cli.program import main

__all__ = ["main"]
