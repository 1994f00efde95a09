"""Engines and sessions for a route: how a connection is opened, set up, kept, checked and closed.

Which route a stack has is decided below (`routes`), who asks for an engine is decided above (`router`). A thing belongs
here if it needs a connection and knows nothing of a schema but its own stamp.
"""
