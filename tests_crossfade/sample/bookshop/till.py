"""A command of the shop's own."""

import typer

app = typer.Typer(add_completion=False)


@app.callback()
def till() -> None:
    """Count what the shop has."""


@app.command()
def count(books: int = 1) -> None:
    """Say how many."""
    typer.echo(f"{books} books")
    raise typer.Exit(books % 2)
