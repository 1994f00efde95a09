"""Who may do what, by the role that the database holds. Who somebody is, is left to `accounts.authenticate`."""

from cronjobs.models import User
from cronjobs.models.users import ADMIN, VIEWER
from cronjobs.services.errors import ForbiddenError


def require(user: User, *roles: str) -> None:
    """Raises ForbiddenError unless the user has one of `roles`."""
    if user.role not in roles:
        raise ForbiddenError(f"This needs the role {' or '.join(roles)}.")


def require_self(user: User, user_id: str) -> None:
    """Raises ForbiddenError unless the user is an admin, or the one with the id `user_id`."""
    if user.role != ADMIN and user.id != user_id:
        raise ForbiddenError("You can only see and change your own account.")


def require_owner(user: User, owner_id: str | None) -> None:
    """Raises ForbiddenError unless the user is an admin, or owns the thing and is no viewer."""
    if user.role != ADMIN and (user.role == VIEWER or user.id != owner_id):
        raise ForbiddenError("Only an admin or the owner may do this.")
