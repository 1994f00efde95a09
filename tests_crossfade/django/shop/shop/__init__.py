"""A small product on two stacks: its Django models, and a FastAPI application on the same table."""
