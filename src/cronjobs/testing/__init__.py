"""What both stacks must show, written once: a client, people, databases, and the suite that each stack's tests run."""
