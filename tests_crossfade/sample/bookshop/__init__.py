"""A bookshop in the middle of its move from Flask to FastAPI."""
