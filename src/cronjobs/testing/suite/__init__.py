"""The behaviour of the contract, a module for each noun; `tests_flask` and `tests_fastapi` run every one of them."""
