"""The tick ledger: proves from the rows that every tick became exactly one run, or says which did not.

    walks       the ticks of an expression, as the libraries themselves count them
    histories   which schedule a job had when, from its row and the audit log
    entries     the rows that answer ticks
    accounts    ticks against rows, for one job
    proofs      all jobs of one database or two, a batch at a time

Nothing here asks what the scheduler planned (`services.schedules`, `services.runs`): a fault of theirs must not hide
itself. What can't be known is said to be unknown, and not guessed.
"""
