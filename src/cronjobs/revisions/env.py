"""What Alembic's own commands run, such as `alembic revision --autogenerate` when a step is written.

`crossfade init` needs none of this: it runs the steps itself, in one transaction with everything else that it does.
"""

from alembic import context

from crossfade.revisions import environment

environment.run(context)
