"""For tests of applications that live on two stacks: disposable databases that are put back after each test.

Nothing here is imported by the router or by an application; it needs the extra `crossfade[testing]`.
"""
