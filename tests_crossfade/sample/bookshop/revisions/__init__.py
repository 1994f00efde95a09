"""The steps of the bookshop's schema."""
