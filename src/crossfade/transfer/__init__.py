"""Carries rows from one database to another, and proves that both hold the same.

Each value has one canonical text, the same on both engines: copying moves it, verifying compares it (`kinds`). Which
tables, in which order, is the `plan`; the moment of the source that is read, a `picture`; how rows get across, a lane.
"""
