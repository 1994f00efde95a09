"""Writes the pages of docs/ that are generated from the code: the endpoints and the settings."""

from pathlib import Path

from cronjobs.reference import pages

PROJECT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Says what changed."""
    changed = pages.write(PROJECT)
    print("\n".join(f"wrote {path}" for path in changed) or "docs/ says what the code says")


if __name__ == "__main__":
    main()
