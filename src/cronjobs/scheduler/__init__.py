"""Fires due jobs, and does the calling for manual runs too.

`gate` decides whether a process fires at all, before anything else of it is imported; `ticker` is what then ticks,
`runner` executes a claim, `webhook` and `github` know the two kinds of target, `outgoing` is the one way out to the
network, `nodes` shows who ticks. What is due and whose it is, the database decides: `cronjobs.services.runs`.
"""
