"""Accounts, and money that moves between them."""
