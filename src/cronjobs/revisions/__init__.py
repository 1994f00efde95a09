"""The steps of the application's schema. The first is the legacy schema as it was released, the others only add.

`NNNN_pre_…` is safe while the old code still runs, `NNNN_post_…` only after it is gone. What runs the steps, and
compares databases with them, is left to `crossfade.revisions`.
"""
