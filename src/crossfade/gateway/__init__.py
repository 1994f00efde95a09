"""One address before two stacks: the front door, and the processes behind it."""
