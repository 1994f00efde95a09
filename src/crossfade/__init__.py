"""crossfade: two web stacks, one product; which database each of them talks to, and how the one replaces the other.

The package knows nothing of the application that it serves. Importing it opens nothing and reads nothing: an
application makes a `Router` at start-up and passes it on.
"""
