"""A list of books, on Flask and on FastAPI at once."""
