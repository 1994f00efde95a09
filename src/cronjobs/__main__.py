"""`python -m cronjobs` is the command `cronjobs`."""

from cronjobs.cli import main

if __name__ == "__main__":
    main()
