"""`python -m crossfade`: the same as the command `crossfade`."""

from crossfade.cli import main

if __name__ == "__main__":
    main()
